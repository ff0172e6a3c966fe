"""Versions of cached data."""

OF_ATHLETES_AND_ALL = """
    SELECT array_agg(id), array_agg(data_version), CASE WHEN $2 THEN (SELECT coalesce(sum(changes), 0)::bigint
    FROM data_changes) END FROM athletes WHERE id = ANY($1::bigint[])
"""
"""Statement in the driver's own form that reads the data versions of athletes, as one row.

Columns: the ids among $1 that exist; their versions in the same order (both null if none exists);
and, if $2 is true, the version of all data together. A version changes with each committed change,
and is visible together with it.
"""
