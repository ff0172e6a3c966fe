"""Feature flags: which parts of pacegraph are switched on, for whom; changed without a restart."""
