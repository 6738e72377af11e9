"""The store: tables and SQL. `database.py` connects, `schema.py` migrates, `postgres.py` is the Store port."""
