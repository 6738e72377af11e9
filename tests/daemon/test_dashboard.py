"""The dashboard and the alert rules ask for what is told, and for nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.daemon.contract import CONTRACT

DOCS = Path(__file__).parents[2] / "docs"
PROCESS = {"process_resident_memory_bytes", "process_open_fds", "up"}
"""What the dashboard and the rules use besides: of every process, and of the scrape itself."""
SERIES = {
    *(f"{name}{suffix}" for name in CONTRACT if name.endswith("_seconds") for suffix in ("_bucket", "_count", "_sum")),
    *CONTRACT,
}
SCRAPED = {"instance", "job", "le"}
"""Labels that Prometheus adds."""
FUNCTIONS = {
    "absent", "and", "by", "count", "delta", "histogram_quantile", "increase", "label_values", "max", "offset", "on",
    "or", "rate", "sum", "time", "topk", "unless",
}  # fmt: skip
EXPRESSION = re.compile(r'"(?:[^"\\]|\\.)*"|\[\w+\]|\$\w+|[a-zA-Z_]\w*|\d[\w.]*|\S')


def used(expression: str) -> tuple[set[str], set[str]]:
    """Metrics and labels of a PromQL expression, as far as ours go."""
    words = EXPRESSION.findall(expression)
    metrics, labels, in_labels = set(), set(), 0
    for number, word in enumerate(words):
        if word == "{" or (word == "(" and number and words[number - 1] in {"by", "on"}):
            in_labels += 1
        elif in_labels and word in {"}", ")"}:
            in_labels -= 1
        elif re.fullmatch(r"[a-zA-Z_]\w*", word) and word not in FUNCTIONS:
            durations = number and words[number - 1] == "offset"
            if in_labels:
                labels.add(word)
            elif not durations:
                metrics.add(word)
    return metrics, labels


def asked() -> list[tuple[str, str]]:
    """(where, expression) of everything the dashboard and the rules ask for."""
    dashboard = json.loads((DOCS / "grafana/syncd.json").read_text())
    found = [(panel["title"], t["expr"]) for panel in dashboard["panels"] for t in panel.get("targets", ())]
    variable = next(row for row in dashboard["templating"]["list"] if row["name"] == "connection")
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
    found.append(("$connection", f"sum by ({label}) ({metric})"))
    return found + [(rule["alert"], rule["expr"]) for rule in rules()]


def rules() -> list[dict[str, str]]:
    """Name and expression of every rule. Only the YAML that the file uses is understood: no parser is installed."""
    blocks = re.split(r"^      - ", (DOCS / "alerts.yml").read_text(), flags=re.MULTILINE)[1:]
    found = []
    for block in blocks:
        rule: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if match := re.match(r"(?: {8})?(\w+): ?(.*)", line):
                key = match[1]
                rule[key] = match[2].removeprefix(">-")
            elif line.strip():
                rule[key] = f"{rule[key]} {line.strip()}".strip()
        found.append(rule)
    return found


@pytest.mark.parametrize(("where", "expression"), asked(), ids=[where for where, _ in asked()])
def test_dashboard_and_rules_ask_for_what_exists(where: str, expression: str):
    """Every metric and every label that they name is one that is told."""
    metrics, labels = used(expression)
    assert metrics, "asks for nothing"
    assert metrics <= SERIES | PROCESS
    known = {label for metric in metrics for label in _labels(metric)}
    assert labels <= known | SCRAPED


def test_the_dashboard_shows_everything():
    """Each metric of the contract is in a panel, panels do not overlap, and their ids are unique."""
    dashboard = json.loads((DOCS / "grafana/syncd.json").read_text())
    panels = dashboard["panels"]
    shown = {metric for panel in panels for t in panel.get("targets", ()) for metric in used(t["expr"])[0]}
    assert {re.sub(r"_(bucket|count|sum)$", "", metric) for metric in shown} - PROCESS == set(CONTRACT)
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_every_rule_says_what_is_wrong_and_what_to_do():
    """An expression, how long it must hold, a severity, and a line for the person who is woken; names are unique."""
    found = rules()
    assert len(found) >= 12
    assert len({rule["alert"] for rule in found}) == len(found)
    for rule in found:
        assert {"alert", "expr", "for", "labels", "annotations"} <= rule.keys()
        assert re.fullmatch(r"\{severity: (page|ticket|person)\}", rule["labels"])
        assert re.fullmatch(r"\d+[smhd]", rule["for"])
        assert "summary:" in rule["annotations"]
        assert "action:" in rule["annotations"]


def _labels(metric: str) -> set[str]:
    return set(CONTRACT.get(re.sub(r"_(bucket|count|sum)$", "", metric), set()))
