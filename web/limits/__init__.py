"""Limits of a caller: a budget of cost, a rate of requests, and slots for operations.

Budgets and rates are token buckets in Redis, shared by all processes. `token_bucket.py` is one
bucket as this process knows it. `bucket_registry.py` keeps those of all callers and settles them
through `redis_store.py`.
"""
