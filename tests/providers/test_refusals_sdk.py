"""Every refusal that was ever recorded, as clients of ours read it: by the openai SDK, and over gRPC."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from google.rpc import error_details_pb2, status_pb2

from integration_api.core.errors import ProviderError
from integration_api.core.exchange import HttpResponse
from integration_api.dialects.openai_surface_errors import error_response
from integration_api.edge.application import Status
from integration_api.providers import PROVIDERS
from integration_api.rpc.errors import rpc_error
from tests.laws.speakers import SPEAKERS

TRAFFIC = Path(os.environ["REFERENCE_DIR"]) / "traffic"
PROVIDER_OF = {speaker.folder: speaker.provider for speaker in SPEAKERS}
REQUEST_IDS = re.compile(
    r"(x-|mistral-|apim-|x-amzn-|cf-)?(amzn-)?request-?id|mistral-correlation-id|x-debug-trace-id|x-replicate-.*id",
)


@dataclass(frozen=True)
class Expected:
    status: int
    code: str | None
    """None where the vendor's own word is kept, whichever it is."""
    retryable: bool = False


REJECTED = Expected(424, "credential_rejected")
UNKNOWN_MODEL = Expected(404, "model_not_found")
TOO_LONG = Expected(400, "context_length_exceeded")
BUSY = Expected(429, "rate_limited", retryable=True)

MEANINGS: tuple[tuple[str, Expected], ...] = (
    (r"401 ", REJECTED),
    (r"403 .*ExpiredToken", Expected(424, "session_expired")),
    (r"403 ", Expected(403, "permission")),
    (r"400 .*(API_KEY_INVALID|API key not valid|API Key not found)", REJECTED),
    (r"400 .*(prompt is too long|exceeds the context window)", TOO_LONG),
    (r"400 .*(model identifier is invalid|requested model .* does not exist|Invalid model)", UNKNOWN_MODEL),
    (r"400 .*on-demand throughput", Expected(400, "inference_profile_required")),
    (r"400 .*(doesn.t support|Unsupported parameter)", Expected(400, None)),
    (r"404 .*(?i:models?\b.*(does not exist|not found|removed)|\"model: )", UNKNOWN_MODEL),
    (r"404 ", Expected(404, "not_found")),
    (r"422 .*Template error", Expected(400, "model_not_supported")),
    (r"429 ", BUSY),
    (r"4(00|22) ", Expected(400, None)),
)
"""What a status with a vendor's words means, the first that fits: read in their pages, not in our code."""


@dataclass(frozen=True)
class Refusal:
    provider: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def expected(self) -> Expected:
        said = f"{self.status} {self.headers.get('x-amzn-errortype', '')} {self.body.decode()}"
        return next(meaning for words, meaning in MEANINGS if re.match(words, said, re.DOTALL))

    @property
    def ids(self) -> set[str]:
        return {value for name, value in self.headers.items() if REQUEST_IDS.fullmatch(name)}

    def error(self) -> ProviderError:
        return PROVIDERS[self.provider].fault(HttpResponse(self.status, self.headers, self.body))


def refusals() -> Iterator[Any]:
    for path in sorted(TRAFFIC.glob("*/*/*.json")):
        folder = path.parent.parent.name
        told = json.loads(path.read_bytes())
        response = told.get("response") or {}
        if folder not in PROVIDER_OF or (response.get("status") or 0) < 400:
            continue
        body = response["body"]
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {name.lower(): value for name, value in response.get("headers", {}).items()}
        yield pytest.param(
            Refusal(PROVIDER_OF[folder], response["status"], headers, raw), id=str(path.relative_to(TRAFFIC))
        )


REFUSALS = list(refusals())


def raised_by_the_sdk(error: ProviderError) -> openai.APIStatusError:
    """What the openai SDK raises for our answer. It does not try again, so that our header is all there is to see."""
    status, headers, body = error_response(error)
    reply = httpx2.Response(status, headers=headers, content=body)
    with (
        httpx2.Client(transport=httpx2.MockTransport(lambda _: reply)) as http,
        openai.OpenAI(api_key="any", base_url="http://ours/v1", http_client=http, max_retries=0) as client,
        pytest.raises(openai.APIStatusError) as raised,
    ):
        client.models.list()
    return raised.value


def test_each_provider_that_was_ever_heard_refusing_is_heard_here() -> None:
    heard = {one.values[0].provider for one in REFUSALS}
    assert heard >= {
        "anthropic", "azure-openai", "bedrock", "cohere", "gemini", "huggingface", "mistral", "openai", "replicate",
        "vertexai",
    }  # fmt: skip
    assert len(REFUSALS) >= 100


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_recorded_refusal_is_told_as_what_it_is(refusal: Refusal) -> None:
    expected = refusal.expected
    raised = raised_by_the_sdk(refusal.error())
    assert raised.status_code == expected.status
    assert raised.status_code != 401, "that would be about our own key"
    assert isinstance(raised.code, str)
    assert expected.code in {None, raised.code}
    body = raised.body
    assert body["retryable"] is expected.retryable
    assert raised.response.headers["x-should-retry"] == str(expected.retryable).lower()
    assert (body["provider"], body["provider_status"]) == (refusal.provider, refusal.status)
    assert bool(body["provider_request_id"]) >= bool(refusal.ids)
    assert not refusal.ids or body["provider_request_id"] in refusal.ids
    assert body["message"]
    assert body["type"] != "authentication_error"


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_recorded_refusal_means_the_same_over_grpc(refusal: Refusal) -> None:
    error = refusal.error()
    told = rpc_error(error, "r1")
    status = status_pb2.Status.FromString(told.details)
    assert told.status is not Status.UNAUTHENTICATED
    assert {
        400: Status.INVALID_ARGUMENT, 402: Status.RESOURCE_EXHAUSTED, 403: Status.PERMISSION_DENIED,
        404: Status.NOT_FOUND, 424: Status.FAILED_PRECONDITION, 429: Status.RESOURCE_EXHAUSTED,
    }[refusal.expected.status] is told.status  # fmt: skip
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.reason == raised_by_the_sdk(error).code
    assert info.metadata["retryable"] == str(refusal.expected.retryable).lower()
    assert info.metadata["provider_status"] == str(refusal.status)
    assert not refusal.ids or info.metadata["provider_request_id"] in refusal.ids
