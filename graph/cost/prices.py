"""Prices in points: of mutations, objects, introspection, samples and new documents.

An object costs one point, a scalar nothing (`graph/cost/model.py`). A field that costs more than
its objects says so where it is declared, by `weighing` (`graph/cost/directives.py`). What refusals,
a request's bytes and time cost is in `graph/cost/charge.py`.
"""

MUTATION = 10
FULL_PRICE_OBJECTS = 50
"""Objects of an answer that cost a point each. What an operation takes by itself is among it."""
FURTHER_OBJECTS_PER_POINT = 16
"""Further objects of an answer for a point: one more takes 0.001 to 0.003 ms."""
INTROSPECTION = 10
"""`__schema`, `__type`, and each list directly below them."""
INTROSPECTION_GROWTH = 4
"""How many times as much a list costs inside another list of an answer about the schema."""
MEMBERS_PER_POINT = 16
"""Fields of an answer about the schema for one point, which is 0.05 ms."""
SAMPLES_PER_POINT = 10
"""Points of an activity's streams for a point of cost: they are numbers, ten about an object."""
FREE_TOKENS = 20
"""Tokens of a new document that cost nothing, within a caller's allowance."""
TOKENS_PER_POINT = 4
"""Further tokens of a new document for a point, within a caller's allowance."""
POINTS_PER_TOKEN = 2
"""Points for each token beyond the allowance: some 0.04 ms of CPU are more than one point's."""
