"""Jobs: rows, leases, attempts, the queue, and keys of repeated requests."""
