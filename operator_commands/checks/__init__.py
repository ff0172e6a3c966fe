"""What `pacegraph doctor` checks: one module a check, each with what it says and its remedies."""
