"""What Bedrock lists, how a credential is checked, and how each refusal is told."""

from urllib.parse import urlsplit

import pytest

from integration_api.core.errors import CODES, Kind, ProviderError
from integration_api.core.exchange import Bearer, HttpResponse
from integration_api.providers.bedrock import BEDROCK, client, refusals
from tests.providers.bedrock import (
    API_KEY,
    KEYS,
    PROFILE,
    answered,
    reply,
)

# --- lists and checks --------------------------------------------------------------------------

MODEL = {
    "modelId": "anthropic.claude-opus-5-5",
    "modelName": "Opus",
    "outputModalities": ["TEXT"],
    "inputModalities": ["TEXT"],
}


def test_profiles_are_listed_after_the_models_they_are_of() -> None:
    system = {"inferenceProfileId": "us.anthropic.claude-opus-5-5", "type": "SYSTEM_DEFINED", "status": "ACTIVE",
              "models": [{"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5-5"}]}  # fmt: skip
    own = {
        "inferenceProfileId": "abc123",
        "inferenceProfileArn": PROFILE,
        "type": "APPLICATION",
        "models": [],
    }
    found, asked = answered(
        BEDROCK.models(KEYS),
        reply({"modelSummaries": [MODEL]}),
        reply({"inferenceProfileSummaries": [system], "nextToken": "a+b"}),
        reply({"inferenceProfileSummaries": [own]}),
    )
    assert [model.id for model in found] == [
        "anthropic.claude-opus-5-5",
        "us.anthropic.claude-opus-5-5",
        PROFILE,
    ]
    assert [model.kinds for model in found] == [("chat",), ("chat",), ()]
    assert [urlsplit(one.url).query for one in asked] == [
        "",
        "maxResults=1000",
        "maxResults=1000&nextToken=a%2Bb",
    ]
    assert {one.method for one in asked} == {"GET"}


def test_who_may_not_list_profiles_is_told_of_models() -> None:
    denied = reply({"message": "no"}, 403, x_amzn_errortype="AccessDeniedException:http://x")
    found, _ = answered(BEDROCK.models(KEYS), reply({"modelSummaries": [MODEL]}), denied)
    assert [model.id for model in found] == ["anthropic.claude-opus-5-5"]


def refused(status: int, name: str, words: str, *, field: str = "message", **headers: str) -> HttpResponse:
    return reply({field: words}, status, x_amzn_errortype=f"{name}:http://internal.amazon.com/x/", **headers)


SIGNED_WITH = "FwoGZXIvYXdzEBYaDAgSessionToken"
REFUSALS = [
    (refused(400, "ValidationException", "The provided model identifier is invalid."), Kind.NOT_FOUND, "model_not_found"),
    (refused(400, "ValidationException", "Input is too long for requested model."), Kind.CONTEXT_LENGTH, None),
    (refused(400, "ValidationException", "prompt is too long: 250000 tokens > 200000 maximum"), Kind.CONTEXT_LENGTH, None),
    (refused(400, "ValidationException", "Invocation of model ID x with on-demand throughput isn\u2019t supported."),
     Kind.INVALID_REQUEST, "inference_profile_required"),
    (refused(400, "ValidationException", "This model doesn't support tool use."), Kind.UNSUPPORTED, None),
    (refused(400, "ValidationException", "Output blocked by content filtering policy"), Kind.CONTENT_FILTER, None),
    (refused(400, "ServiceQuotaExceededException", "quota"), Kind.QUOTA, None),
    (refused(403, "AccessDeniedException", "You don't have access to the model"), Kind.PERMISSION, None),
    (refused(403, "AccessDeniedException", "denied due to INVALID_PAYMENT_INSTRUMENT"), Kind.QUOTA, None),
    (refused(403, "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid.", field="Message"),
     Kind.CREDENTIAL_REJECTED, None),
    (refused(403, "AccessDeniedException", "Bearer Token has expired"), Kind.CREDENTIAL_REJECTED, "key_expired"),
    (refused(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
     Kind.CREDENTIAL_REJECTED, None),
    (refused(403, "ExpiredTokenException", "The security token included in the request is expired"),
     Kind.CREDENTIAL_REJECTED, "session_expired"),
    (refused(403, "InvalidSignatureException", "Signature expired: 20261118T1 is now earlier than"),
     Kind.CREDENTIAL_REJECTED, "clock_skew"),
    (refused(403, "InvalidSignatureException", "Credential should be scoped to a valid region. "),
     Kind.CREDENTIAL_REJECTED, "wrong_region"),
    (refused(403, "InvalidSignatureException", f"x-amz-security-token:{SIGNED_WITH}"), Kind.CREDENTIAL_REJECTED, None),
    (refused(403, "MissingAuthenticationTokenException", "Missing Authentication Token"), Kind.CREDENTIAL_REJECTED, None),
    (refused(404, "ResourceNotFoundException", "no such profile"), Kind.NOT_FOUND, None),
    (refused(408, "ModelTimeoutException", "timed out"), Kind.TIMEOUT, None),
    (refused(424, "ModelErrorException", "unexpected"), Kind.UPSTREAM, None),
    (refused(424, "DependencyFailedException", "unexpected"), Kind.UPSTREAM, None),
    (refused(429, "ThrottlingException", "Too many tokens, please wait before trying again."), Kind.RATE_LIMITED, None),
    (refused(429, "ModelNotReadyException", "wait"), Kind.OVERLOADED, None),
    (refused(500, "InternalServerException", "oh"), Kind.UPSTREAM, None),
    (refused(503, "ServiceUnavailableException", "oh"), Kind.OVERLOADED, None),
    (HttpResponse(403, {}, b'{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"x"}'),
     Kind.CREDENTIAL_REJECTED, None),
    (HttpResponse(502, {}, b"<html>bad gateway</html>"), Kind.UPSTREAM, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "kind", "code"), REFUSALS, ids=lambda one: getattr(one, "value", one and "")
)
def test_every_refusal_is_told_as_what_it_is(said, kind, code) -> None:
    error = BEDROCK.fault(said)
    assert error.kind is kind
    assert error.code == (code or CODES.get(kind, kind.value))
    assert error.message
    assert error.refusal.status == said.status
    assert error.refusal.request_id == said.headers.get("x-amzn-requestid")
    assert SIGNED_WITH not in error.message, "what was signed is in AWS's own words"
    assert error.retryable == (kind in {Kind.TIMEOUT, Kind.UPSTREAM, Kind.RATE_LIMITED, Kind.OVERLOADED})


@pytest.mark.parametrize(
    ("said", "kind", "code"), REFUSALS, ids=lambda one: getattr(one, "value", one and "")
)
def test_a_check_asks_one_free_question_and_its_refusal_is_the_outcome(said, kind, code) -> None:
    """A good key that may not list the models is told that it may not: then it is good."""
    if kind is Kind.PERMISSION:
        assert answered(BEDROCK.verify(KEYS), said)[0] is None
        return
    with pytest.raises(ProviderError) as refused:
        answered(BEDROCK.verify(KEYS), said)
    assert refused.value.kind is kind


def test_a_check_costs_nothing() -> None:
    asked = next(BEDROCK.verify(API_KEY))
    assert (asked.method, asked.auth) == ("GET", Bearer("key"))
    assert asked.url == "https://bedrock.us-east-1.amazonaws.com/foundation-models?byOutputModality=TEXT"


def test_every_name_of_a_fault_is_spelled_as_streams_and_headers_spell_it() -> None:
    for name in ("ThrottlingException", "throttlingException", "throttling"):
        assert BEDROCK.fault(refused(400, name, "x")).kind is Kind.RATE_LIMITED
    assert refusals.fault(reply({}, 500)).message
    assert BEDROCK.name == client.NAME
