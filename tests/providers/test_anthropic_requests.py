"""Every body for Anthropic is one that its own SDK could have sent."""

import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming

from tests.providers.rendered import every, sent, validated

OLD = {"temperature", "top_p", "top_k"}
"""Gone from the newest version of the API, and with it from the SDK; older models still take them."""


@pytest.mark.parametrize(
    ("provider", "request_"),
    every("anthropic/claude-sonnet-4-5", "anthropic/claude-opus-5-5", "anthropic/claude-3-haiku-20240307"),
)
def test_a_body_is_what_the_sdk_could_have_sent(provider, request_) -> None:
    asked = sent(provider, request_)
    if asked is None:
        return
    unknown = validated(asked.body, MessageCreateParamsStreaming)
    assert unknown <= OLD
    assert (dict(asked.headers)["anthropic-version"] == "2023-06-01") >= bool(unknown)
