"""What `pacegraph doctor` checks: one module a check, each with what it says and its remedies.

A check returns what it found in order, as a line for the operator. It raises CheckFailed with what
is wrong and what to do.
"""
