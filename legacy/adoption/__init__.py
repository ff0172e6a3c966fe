"""`pacegraph adopt`: copies the older service's database into pacegraph's tables.

Works in batches while both services run. The old tables are only read; triggers record what the
older service writes during the copy. The state of the adoption is in schema `legacy` (`ledger.py`).
SQL is built here and not in `db/statements`, so that the folder can be deleted as a whole.
docs/adoption.md describes the use.
"""
