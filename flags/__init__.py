"""Feature flags: switch parts of pacegraph on or off, for all or some callers, without a restart."""
