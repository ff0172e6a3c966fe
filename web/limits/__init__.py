"""How much a caller may ask: a budget of cost, a rate of requests, turns among operations.

Budgets and rates are token buckets in Redis, which all processes share. `bucket.py` is one bucket as this process knows
it, `buckets.py` keeps those of all callers and settles them with `store.py`, Redis.
"""
