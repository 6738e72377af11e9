"""The commands: one file per group, each with ``register(app)``. `syncd.cli.main` puts them together."""
