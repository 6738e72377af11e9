"""``make soak``: the service for minutes, with people who never stop, vendors that fail, and processes that are killed.

Five simulated CRMs on sockets, a daemon and a worker as processes, webhooks. At the end people rest, and then the laws
have to hold: everybody everywhere once, the last word on every field and every note everywhere, nothing left to write;
and memory, file descriptors and database sessions of the daemon no more than they were.

--minutes N   how long people work (10); --seed N  which edits, faults and kills
"""

# ruff: noqa: T201 -- a command: it talks by printing

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.simulation.databases import server
from tests.soak.soak import Soak


def main() -> int:
    """The command. 0: every law held; 1: one did not."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, server() as fresh, fresh() as database:
        soak = Soak(Path(folder), database, seed=options.seed, minutes=options.minutes)
        complaints = soak.run()
    print(", ".join(f"{name} {number}" for name, number in sorted(soak.counts.items())))
    print(soak.sizes())
    for complaint in complaints[:20]:
        print(f"broken: {complaint}")
    print(f"seed {options.seed}, {options.minutes:g} min: " + ("every law held" if not complaints else "FAILED"))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
