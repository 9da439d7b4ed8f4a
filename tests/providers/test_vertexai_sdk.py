"""Claude's recorded answers on Vertex AI, through our door, say to the openai SDK what the bytes say to Anthropic's own.

Gemini's are in `test_gemini_sdk`.
"""

import anthropic
import httpx2
import pytest

from tests.providers.surfaced import chats, through_our_door
from tests.providers.test_anthropic_sdk import said


@pytest.mark.parametrize("case", [one for one in chats("vertexai") if one.values[0].speaker.api == "claude"])
def test_nothing_is_lost_in_translation(case) -> None:
    asked = {"model": "any", "max_tokens": 1, "messages": [{"role": "user", "content": "any"}]}
    kind = "text/event-stream" if case.streamed else "application/json"
    reply = httpx2.Response(200, headers={"content-type": kind}, content=case.body)
    with (
        httpx2.Client(transport=httpx2.MockTransport(lambda _: reply)) as http,
        anthropic.AnthropicVertex(
            region="us-east5", project_id="p1", access_token="any", http_client=http, max_retries=0
        ) as client,
    ):
        if case.streamed:
            with client.beta.messages.stream(**asked) as stream:
                message = stream.get_final_message()
        else:
            message = client.beta.messages.create(**asked)
    assert through_our_door(case) == said(message)
