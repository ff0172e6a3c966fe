"""One quota for all workers on all machines, so that no request goes beyond a window of Strava's.

`ledger.py` decides, from plain values: `clock.py` says what time it is at Strava, `window.py` counts,
`limits.py` knows what Strava allows, `rules.py` what backfills leave of it to others, `turns.py`
shares it between athletes. `store.py` keeps the ledger in Redis, with an upper bound of it in
PostgreSQL. `gate.py` stands before the client's requests.
"""
