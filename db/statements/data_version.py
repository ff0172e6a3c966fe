"""Versions of the data that is cached."""

OF_ATHLETES_AND_ALL = """
    SELECT array_agg(id), array_agg(data_version), CASE WHEN $2 THEN (SELECT coalesce(sum(changes), 0)::bigint
    FROM data_changes) END FROM athletes WHERE id = ANY($1::bigint[])
"""
"""Reads, in the driver's own form, one row: ids of those athletes of $1 that there are, their versions in the same
order (both null where there are none), and where $2 is true the version of everybody's data together.

A version is another number after each committed change, and is seen to be so as soon as the change is.
"""
