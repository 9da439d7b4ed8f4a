"""The lab and the service, run by SERVICE_PYTHON; the clients know nothing of either."""

from tests.e2e.conftest import lab, service

__all__ = ["lab", "service"]
