"""Every body for Mistral is one that its own SDK could have sent."""

import json

import pytest
from mistralai.client.models import ChatCompletionStreamRequest

from tests.providers.rendered import every, sent


@pytest.mark.parametrize(
    ("provider", "request_"),
    every("mistral/mistral-small-latest", "mistral/magistral-medium-latest", "mistral/codestral-latest"),
)
def test_a_body_is_what_the_sdk_could_have_sent(provider, request_) -> None:
    asked = sent(provider, request_)
    if asked is not None:
        told = json.loads(asked.body)
        ChatCompletionStreamRequest.model_validate(told)
        known = {field.alias or name for name, field in ChatCompletionStreamRequest.model_fields.items()}
        assert set(told) <= known
