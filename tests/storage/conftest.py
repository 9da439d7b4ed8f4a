"""Both databases, for the tests of this floor."""

from tests.servers import redis_url
from tests.stores import backend, kept, postgres_url

__all__ = ["backend", "kept", "postgres_url", "redis_url"]
