"""MiniMax. https://platform.minimax.io/docs/api-reference/text-openai-api"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from integration_api.core.credential import BASE_URL, KEY, Credential, CredentialField
from integration_api.core.llm import ReasoningRequest
from integration_api.dialects import openai_chat, openai_family

GROUP = CredentialField("group_id", "Group ID", secret=False, required=False)


class Grouped(openai_family.Place, frozen=True):
    """Bills a group that the address names, where the credential does."""

    def url(self, path: str, credential: Credential) -> str:
        group = credential.fields.get(GROUP.name)
        return super().url(path, credential) + (f"?GroupId={quote(group, safe='')}" if group else "")


PLACE = Grouped("minimax", "https://api.minimax.io/v1")


def reasoning(asked: ReasoningRequest) -> Mapping[str, Any]:
    """Have thoughts apart from the answer; otherwise they stand in it between tags."""
    said: dict[str, Any] = {"reasoning_split": True}
    if asked.mode == "off":
        said["thinking"] = {"type": "disabled"}
    elif asked.mode != "default":
        said["thinking"] = {"type": "adaptive"}
    return said


DIALECT = openai_chat.Dialect(
    provider=PLACE.name,
    url=PLACE.chat,
    fields=openai_chat.FIELDS & {"model", "messages", "stream", "stream_options", "temperature", "top_p", "tools",
                                 "tool_choice", "max_completion_tokens", "stop", "response_format"}
    | {"reasoning_split", "thinking"},
    max_temperature=1.0,
    reasoning=reasoning,
    reasoning_history="reasoning_details",
    think_tags=True,
    refusal_parts=False,
    custom_tools=False,
    allowed_tools=False,
)  # fmt: skip

MINIMAX = openai_family.provider(
    PLACE, "MiniMax", DIALECT, fields=(KEY, BASE_URL, GROUP), parameters=("reasoning_split", "thinking")
)
