"""What an adapter sends for each unified request, and what the vendor's own SDK says of it."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import HttpRequest
from integration_api.core.llm import LlmRequest
from integration_api.providers import PROVIDERS
from tests.providers.unified import requests


def every(*models: str) -> list[Any]:
    """Parametrize over each unified request of each `provider/model`."""
    return list(_every(models))


def _every(models: tuple[str, ...]) -> Iterator[Any]:
    for model in models:
        provider, _, name = model.partition("/")
        for what, request in requests(name):
            yield pytest.param(provider, request, id=f"{model}-{what}")


def sent(provider: str, request: LlmRequest, credential: Credential | None = None) -> HttpRequest | None:
    """Return the request to the provider; None where it says clearly that it cannot carry this."""
    llm = PROVIDERS[provider].llm
    assert llm is not None
    given = credential or Credential(provider)
    try:
        asked = llm.stream(request, given).request
        again = llm.stream(request, given).request
        whole = next(llm.complete(request, given))
    except Failure as refused:
        assert refused.kind in {Kind.UNSUPPORTED, Kind.INVALID_REQUEST}
        assert refused.message
        assert refused.param
        return None
    assert asked == again, "the same request renders to the same bytes"
    assert whole.auth == asked.auth
    return asked


def validated(body: bytes, kind: Any) -> set[str]:
    """Hold a body to a TypedDict of an SDK; return the top-level fields that it does not know."""
    told = json.loads(body)
    _adapter(kind).validate_python(told)
    return set(told) - set(get_type_hints(kind))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
