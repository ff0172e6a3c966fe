"""PostgreSQL itself: backends, backups, its log, tables by name; and what clients use of the schema."""
