"""The older service's database becomes pacegraph's: row by row, in batches, while both go on working.

Nothing of the old tables is changed; triggers note what the old service writes meanwhile. Everything that is known of
the adoption is in schema `legacy` (`bookkeeping.py`). SQL stands here and not in `db/statements`, because this folder
is to be deleted whole. docs/adoption.md tells how it is used.
"""
