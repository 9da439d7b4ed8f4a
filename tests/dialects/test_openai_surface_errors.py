import json

import httpx2 as httpx
import openai
import pytest

from integration_api.core.errors import Failure, Kind, ProviderError, Refusal, StreamCut
from integration_api.dialects.openai_surface_errors import error_event, error_response


def raised(error):
    """What the openai SDK raises for our answer."""
    status, headers, body = error_response(error)

    def answer(_):
        return httpx.Response(status, headers=headers, content=body)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = openai.OpenAI(api_key="k", base_url="http://test", http_client=http, max_retries=0)
        with pytest.raises(openai.APIStatusError) as caught:
            client.models.list()
    return caught.value


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_an_answer_that_the_sdk_reads(kind):
    error = raised(ProviderError(kind, "what to do", provider="openai", refusal=Refusal(status=418)))
    assert error.status_code >= 400
    assert error.body["message"] == "what to do"
    assert isinstance(error.body["type"], str)
    assert error.body["type"]
    assert set(error.body) == {
        "message",
        "type",
        "code",
        "param",
        "provider",
        "provider_status",
        "provider_request_id",
        "retryable",
    }


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Kind.INVALID_REQUEST, 400),
        (Kind.AUTHENTICATION, 401),
        (Kind.QUOTA, 402),
        (Kind.PERMISSION, 403),
        (Kind.NOT_FOUND, 404),
        (Kind.CONFLICT, 409),
        (Kind.TOO_LARGE, 413),
        (Kind.CREDENTIAL_INVALID, 422),
        (Kind.CREDENTIAL_REJECTED, 424),
        (Kind.RATE_LIMITED, 429),
        (Kind.UNREACHABLE, 502),
        (Kind.UPSTREAM, 502),
        (Kind.OVERLOADED, 503),
        (Kind.TIMEOUT, 504),
    ],
)
def test_the_status_says_whose_fault_it_is(kind, status):
    assert error_response(ProviderError(kind, "m"))[0] == status


def test_the_caller_who_is_too_slow_is_not_the_provider():
    assert error_response(Failure(Kind.TIMEOUT, "m"))[0] == 408


def test_a_providers_words_are_kept_apart_from_ours():
    error = ProviderError(
        Kind.CREDENTIAL_REJECTED,
        "m",
        provider="anthropic",
        code="invalid_x",
        param="model",
        refusal=Refusal(status=401, request_id="req_1"),
    )
    said = json.loads(error_response(error)[2])["error"]
    assert said == {
        "message": "m",
        "type": "upstream_credential_error",
        "code": "invalid_x",
        "param": "model",
        "provider": "anthropic",
        "provider_status": 401,
        "provider_request_id": "req_1",
        "retryable": False,
    }


@pytest.mark.parametrize(
    ("error", "after", "retry"),
    [
        (Failure(Kind.RATE_LIMITED, "m", retry_after=1.5), "2", "true"),
        (Failure(Kind.RATE_LIMITED, "m"), "1", "true"),
        (Failure(Kind.OVERLOADED, "m"), "1", "true"),
        (Failure(Kind.QUOTA, "m"), None, "false"),
        (Failure(Kind.UPSTREAM, "m", retryable=False), None, "false"),
    ],
)
def test_clients_are_told_whether_and_when_to_come_back(error, after, retry):
    headers = dict(error_response(error)[1])
    assert headers.get(b"retry-after") == (after and after.encode())
    assert headers[b"x-should-retry"] == retry.encode()


def test_nothing_is_retried_after_output():
    error = ProviderError(Kind.UPSTREAM, "m")
    error.after_output = True
    assert dict(error_response(error)[1])[b"x-should-retry"] == b"false"


def test_a_stream_that_fails_ends_in_an_error_the_sdk_raises():
    body = b": ping\n\n" + error_event(StreamCut("openai"))

    def answer(_):
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = openai.OpenAI(api_key="k", base_url="http://test", http_client=http)
        stream = client.chat.completions.create(model="m", messages=[], stream=True)
        with pytest.raises(openai.APIError) as caught:
            list(stream)
    assert caught.value.code == "stream_truncated"
