"""The older service's REST routes: each runs a GraphQL operation, and says which one."""
