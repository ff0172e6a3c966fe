"""Commands of mutations: check the caller, write in one transaction, enqueue jobs after the commit.

They take the operation's context and the input, and know nothing of Strawberry.
"""
