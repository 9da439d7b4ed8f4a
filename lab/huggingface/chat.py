"""Chats by the router and by TGI: OpenAI's, with schemas in two spellings and refusals in two shapes
(huggingface.co/docs/inference-providers/tasks/chat-completion).
"""

from dataclasses import dataclass
from typing import Any, NoReturn

from lab.http import Call, Refused, Response, encode
from lab.huggingface import client
from lab.openai_family import chat
from lab.openai_family.accent import OPENAI_ONLY, Accent


def _complains(call: Call, status: int, error: dict[str, Any]) -> Any:
    if status == 500:
        return {"error": error["message"], "error_type": "generation"}
    return {"error": error}


def _check(call: Call, body: dict[str, Any]) -> None:
    """Reads a schema where TGI has it."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_object" and "value" in wanted:
        schema = {"name": "value", "schema": wanted["value"]}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}


@dataclass(frozen=True, slots=True, kw_only=True)
class Router(Accent):
    """The accent of the router."""

    def admit(self, call: Call) -> None:
        """Lets a request with a good key pass. Raises `Refused`."""
        client.admit(call)

    def no_model(self, call: Call) -> NoReturn:
        """Raises `Refused`: no partner has the model."""
        error = {
            "message": f"The requested model '{call.model}' is not supported by any provider you have enabled.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_supported",
        }
        raise Refused(Response(400, client.headers(call), encode({"error": error})))


ROUTER = Router(
    name="huggingface",
    title="Hugging Face",
    refused=OPENAI_ONLY | {"logit_bias", "max_completion_tokens", "metadata", "service_tier", "user"},
    own=frozenset(
        {"chat_template_kwargs", "min_p", "repetition_penalty", "return_full_text", "tool_prompt", "top_k"}
    ),
    check=_check,
    models={},
    reasons=r"deepseek-ai/DeepSeek-(R1|V4).*|.*-thinking",
    thoughts="reasoning",
    complains=_complains,
)


def complete(call: Call) -> Response:
    """POST /v1/chat/completions. Raises `Refused`."""
    response = ROUTER.speaking(lambda asked: chat.complete(ROUTER, asked))(call)
    response.headers = client.headers(call, dict(response.headers)["content-type"])
    return response
