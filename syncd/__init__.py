"""syncd keeps the leads of a business the same in every CRM it uses.

The flow, one direction, five stages, each a file of `syncd.engine`::

    pull ──► ingest ──► plan ──► push ──► settle

`pull` reads pages of remote records; `ingest` matches each to a canonical lead and merges it three ways
in one transaction with the cursor; `plan` computes what every vendor still lacks (desired minus base);
`push` carries that out behind guards; `settle` takes the vendor's own answer as the new base. Only
`syncd.engine.run` knows the order. What is still to be written is always recomputed, so a crash loses nothing.

The layers; a room imports only from rooms below it (``[tool.importlinter]`` in ``pyproject.toml`` checks)::

    cli                   one file per command group; errors become one line and an exit code here
    bootstrap             the only wiring: settings → adapters, store, engine
    engine vendors store sandbox
                          the five stages │ one folder per vendor │ tables and SQL │ simulated vendors
    settings              the config file
    ports                 Protocols: what the engine may ask of a vendor, a store, a clock
    domain                pure: values, lenses, merge, rules, matching, planning, guards, errors

Start here, to add a

vendor    docs/adding-a-vendor.md: a folder beside ``syncd/vendors/cinc`` with the same file names, one line each
          in `syncd.settings.connections`, `syncd.vendors.registry` and `syncd.sandbox`, and the short test file
          that runs the contract suite over it
field     a row in `syncd.domain.lead`, then one in each vendor's ``mapping.py``
rule      `syncd.domain.rules`
command   a file in ``syncd/cli`` with ``register(app)``, and its name in `syncd.cli.main.GROUPS`
"""

__version__ = "0.1.0"
