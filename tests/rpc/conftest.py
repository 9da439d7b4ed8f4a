"""grpcio, the reference client, against the running service with the lab behind it."""

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import lab, service
from tests.e2e.service import Service
from tests.rpc.caller import Caller

__all__ = ["caller", "lab", "service"]


@pytest.fixture(scope="session")
def caller(service: Service, lab: str) -> Iterator[Caller]:
    with Caller(service, lab) as opened:
        yield opened
