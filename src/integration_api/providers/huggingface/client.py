"""Where Hugging Face's servers live, and how they refuse.

A credential without an address is for the router, which passes chats on to many partners. One with an
address is for a server of one's own (TGI, vLLM, SGLang, llama.cpp, TEI), or stands for the router when its
`kind` says so; where it says nothing, what only one of them knows is asked there first.

https://huggingface.co/docs/inference-providers and https://huggingface.co/docs/text-embeddings-inference
"""

import re
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import HttpRequest, HttpResponse, json_body
from integration_api.core.json import decode_any
from integration_api.dialects import openai_errors
from integration_api.dialects.openai_address import VERSION
from integration_api.dialects.openai_chat_dialect import bearer_if_held

NAME = "huggingface"
ROUTER = "https://router.huggingface.co"
HUB = "https://huggingface.co"

KEY = CredentialField("key", "Access token", required=False)
"""A server of one's own may stand open."""
KIND = CredentialField("kind", "Kind of server: router, endpoint or tgi", secret=False, required=False)
BILL_TO = CredentialField("bill_to", "Organization that pays", secret=False, required=False)

REQUEST_ID_HEADERS = ("x-request-id", "x-inference-id", "x-amzn-trace-id")

KINDS = ("router", "endpoint", "tgi")
"""TGI before its third version takes schemas in a way of its own; else it is an endpoint like any other."""

MODEL = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
"""The name of a repository: it becomes part of paths."""


def kind(credential: Credential) -> str | None:
    """Return what kind of server a credential is for, or None where it does not say.

    Raises `Failure` (CREDENTIAL_INVALID) for a kind there is not, and for a server without an address.
    """
    told = credential.fields.get(KIND.name)
    if told is not None and told not in KINDS:
        raise _invalid(f"the credential's kind must be one of {', '.join(KINDS)}", KIND.name)
    if credential.fields.get("base_url"):
        return told
    if told not in {None, "router"}:
        raise _invalid("the credential needs base_url, the address of the server", "base_url")
    return "router"


def _invalid(message: str, param: str) -> Failure:
    return Failure(Kind.CREDENTIAL_INVALID, message, code="credential_invalid", param=param)


# --- addresses -------------------------------------------------------------------------------


def versioned(credential: Credential) -> str:
    """Return the address that `/chat/completions` is appended to, however much of it the credential has."""
    base = credential.base_url(ROUTER).removesuffix("/chat/completions")
    return base if VERSION.search(base) else f"{base}/v1"


def root(credential: Credential) -> str:
    """Return the address of what has no version: TEI's own routes, and everything of the router but chats."""
    return versioned(credential).removesuffix("/v1")


def hub(credential: Credential) -> str:
    """Return where accounts and models are known: beside the router, or wherever it is replaced."""
    return root(credential) if credential.fields.get("base_url") else HUB


def repository(model: str) -> str:
    """Return a model's name as part of a path. Raises `Failure` for what names none."""
    if not MODEL.fullmatch(model):
        raise Failure(
            Kind.INVALID_REQUEST,
            "a model of huggingface is owner/name, for the router with :provider behind it where one is wanted",
            code="invalid_model",
            param="model",
        )
    return quote(model)


def headers(credential: Credential) -> tuple[tuple[str, str], ...]:
    """Say which organization pays, where the credential does."""
    payer = credential.fields.get(BILL_TO.name)
    return (("x-hf-bill-to", payer),) if payer else ()


def get(url: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=url, headers=headers(credential), auth=bearer_if_held(credential))


def post(url: str, body: Any, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=url,
        headers=(("content-type", "application/json"), *headers(credential)),
        body=json_body(body),
        auth=bearer_if_held(credential),
    )


# --- refusals --------------------------------------------------------------------------------

TOO_LONG = re.compile(r"must have less than \d+ tokens|`inputs` tokens \+ `max_new_tokens` must be")
WRONG_MODEL = re.compile(r"model is not|not supported|Template error", re.IGNORECASE)
"""What a server says of a task that its one model is not for."""

UNKNOWN_MODEL = re.compile(r"model \S+ does not exist", re.IGNORECASE)

_said = partial(openai_errors.fault, provider=NAME, request_id_headers=REQUEST_ID_HEADERS)


def fault(reply: HttpResponse) -> ProviderError:
    """Build the error for a refusal of the router, a partner of it, TGI or TEI."""
    error = _said(reply)
    match reply.status:
        case 402:
            error.code = "insufficient_quota"
        case 404 if UNKNOWN_MODEL.search(error.message):
            error.code = "model_not_found"
        case 413 | 422 if TOO_LONG.search(error.message):
            error.kind, error.code = Kind.CONTEXT_LENGTH, "context_length_exceeded"
        case 422 | 424 if WRONG_MODEL.search(error.message):
            error.kind, error.code = Kind.UNSUPPORTED, "model_not_supported"
        case 424:
            error.kind, error.code, error.retryable = Kind.UPSTREAM, "upstream_error", True
        case 503 if error.retry_after is None:
            error.retry_after = _loading(reply.body)
    if error.code == "model_not_supported" and error.kind is not Kind.UNSUPPORTED:
        error.kind, error.code = Kind.NOT_FOUND, "model_not_found"
    return error


def too_much(refusal: ProviderError) -> bool:
    """Whether a refusal is of a batch as a whole: TEI takes 32 inputs unless it was started for more."""
    return refusal.refusal.status == 413 and "batch size" in refusal.message.lower()


def _loading(body: bytes) -> float | None:
    """Return how many seconds a model says that it will still need to load."""
    try:
        said = decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    seconds = said.get("estimated_time") if isinstance(said, dict) else None
    return float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None
