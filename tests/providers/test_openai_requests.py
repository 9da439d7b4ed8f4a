"""Every body for OpenAI is one that its own SDK could have sent."""

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from tests.providers.rendered import every, sent, validated


@pytest.mark.parametrize(("provider", "request_"), every("openai/gpt-4o", "openai/gpt-5", "openai/o4-mini"))
def test_a_body_is_what_the_sdk_could_have_sent(provider, request_) -> None:
    asked = sent(provider, request_)
    if asked is not None:
        assert validated(asked.body, CompletionCreateParamsStreaming) == set()
