"""The REST door: routes, and each route's translation between HTTP and a use case."""
