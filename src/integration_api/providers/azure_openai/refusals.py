"""How Azure says no: in OpenAI's shape, in that of the gateway before it, and with what its filters found.

https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import HttpResponse
from integration_api.dialects import openai_errors
from integration_api.providers.azure_openai import client

REQUEST_ID_HEADERS = ("x-request-id", "apim-request-id", "x-ms-request-id")

NOT_DEPLOYED = "DeploymentNotFound"
NOT_THIS_MODEL = "OperationNotSupported"
NOT_ALLOWED = "PermissionDenied"

GATEWAY_TROUBLE = frozenset({424, 499})
"""Statuses by which Azure says that something behind it failed or gave up; the caller did nothing wrong."""

_AGAIN = re.compile(r"retry after (\d{1,6}) (milli)?second", re.IGNORECASE | re.ASCII)
_WITHOUT_ROLE = re.compile(r"principal|role|data action", re.IGNORECASE)


class _Inner(Struct):
    content_filter_result: dict[str, Any] | None = None
    content_filter_results: dict[str, Any] | None = None


class _Detail(Struct):
    code: str | int | None = None
    message: str | None = None
    innererror: _Inner | None = None


class _Refused(Struct):
    error: _Detail | None = None


_READ = msgspec.json.Decoder(_Refused)


def fault(reply: HttpResponse) -> ProviderError:
    """Build the error for a refusal. Azure's own words stay; what to do about them is added."""
    error = openai_errors.fault(reply, provider=client.NAME, request_id_headers=REQUEST_ID_HEADERS)
    said = _detail(reply.body)
    if reply.status in GATEWAY_TROUBLE:
        return _as(error, Kind.UPSTREAM)
    match reply.status, said.code:
        case 404, str() as code if code == NOT_DEPLOYED:
            error = _as(
                error, Kind.NOT_FOUND, "model_not_found", "a new deployment takes some minutes to answer"
            )
        case 404, _ if error.code == Kind.NOT_FOUND:
            error = _as(
                error, Kind.NOT_FOUND, hint="check the credential's endpoint, api_style and api_version"
            )
        case 401, str() as code if code == NOT_ALLOWED and _WITHOUT_ROLE.search(said.message or ""):
            error = _as(error, Kind.PERMISSION, words=said.message or "")
        case 400, str() as code if code == NOT_THIS_MODEL:
            error = _as(error, Kind.UNSUPPORTED)
        case _:
            pass
    if error.kind is Kind.CONTENT_FILTER and said.innererror is not None:
        found = said.innererror.content_filter_result or said.innererror.content_filter_results or {}
        if why := filtered(found):
            error = _as(error, Kind.CONTENT_FILTER, "content_filter", f"found were: {why}")
    if (
        error.kind is Kind.RATE_LIMITED
        and error.retry_after is None
        and (wish := _AGAIN.search(error.message))
    ):
        error.retry_after = int(wish[1]) / (1000 if wish[2] else 1)
    return error


def filtered(results: Mapping[str, Any]) -> str:
    """Name the categories that made a filter say no, with how severe each was."""
    return ", ".join(
        f"{name} ({severity})" if isinstance(severity := found.get("severity"), str) else name
        for name, found in results.items()
        if isinstance(found, dict) and (found.get("filtered") is True or found.get("detected") is True)
    )


def _detail(body: bytes) -> _Detail:
    try:
        return _READ.decode(body).error or _Detail()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Detail()


def _as(
    error: ProviderError, kind: Kind, code: str | None = None, hint: str = "", *, words: str = ""
) -> ProviderError:
    """Return the same refusal as one of `kind`, with a hint behind its words."""
    message = words or error.message
    return ProviderError(
        kind,
        f"{message.rstrip()} ({hint})" if hint else message,
        provider=error.provider,
        refusal=error.refusal,
        phase=error.phase,
        code=code or (None if error.kind is not kind else error.code),
        param=error.param,
        retry_after=error.retry_after,
    )
