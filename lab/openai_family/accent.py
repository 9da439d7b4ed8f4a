"""How one provider's OpenAI language differs from OpenAI's own, and the emulator that follows from it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NoReturn

import msgspec

from lab.conversation import BIRTH
from lab.http import Call, Handler, Provider, Refused, Response, encode
from lab.keys import bearer
from lab.openai import client, embedding, rules
from lab.openai.values import known

OPENAI_ONLY = frozenset({
    "audio", "modalities", "moderation", "prediction", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "safety_identifier", "store", "verbosity", "web_search_options",
})  # fmt: skip
"""Fields of a chat that hardly anybody else has."""

_OPENAIS = ("openai-", "x-request-id")
_NOWHERE = re.compile(r"nonexistent|does-not-exist")

Thoughts = Literal["reasoning", "reasoning_content", "reasoning_details", "tags"]


def as_openai(call: Call, status: int, error: dict[str, Any]) -> Any:
    """A refusal as OpenAI says it."""
    return {"error": error}


def as_openai_lists(models: list[dict[str, Any]]) -> Any:
    """A list of models as OpenAI has it."""
    return {"object": "list", "data": models}


def anything(call: Call, body: dict[str, Any]) -> None:
    """No rule beyond OpenAI's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accent:
    """A provider that speaks OpenAI's language writes down here what it does in another way."""

    name: str
    title: str
    """How its models call it."""
    refused: frozenset[str] = frozenset()
    """Fields of OpenAI's that it answers with 400."""
    own: frozenset[str] = frozenset()
    """Fields beyond OpenAI's."""
    lenient: bool = False
    """Whether it passes over fields that nobody knows."""
    check: Callable[[Call, dict[str, Any]], None] = anything
    """Its further rules for a chat. Raises `Refused`."""
    models: Mapping[str, Mapping[str, Any]]
    """The models it lists, and what it tells of each; others that are not called non-existent chat as well."""
    reasons: str = r"(?!)"
    """The models that think."""
    thoughts: Thoughts = "reasoning_content"
    """Where it shows what they thought."""
    history: str = ""
    """The field of an assistant's turn in which thoughts are given back."""
    apart: bool = False
    """Whether thoughts are counted beside the completion, and not as part of it."""
    vectors: Mapping[str, int] = field(default_factory=dict)
    """Its embedding models and the sizes of their vectors."""
    vector_fields: frozenset[str] = embedding.FIELDS
    complains: Callable[[Call, int, dict[str, Any]], Any] = as_openai
    lists: Callable[[list[dict[str, Any]]], Any] = as_openai_lists
    whoami: str = ""
    """Where it tells whose key it is; then its list of models is public."""
    request_id: str = "x-request-id"
    keyless: bool = False
    """Whether it stands open."""

    @property
    def fields(self) -> frozenset[str]:
        """The fields of a chat."""
        return rules.FIELDS - self.refused | self.own

    def thinks(self, model: str) -> bool:
        """Whether a model reasons."""
        return re.fullmatch(self.reasons, model) is not None

    def find(self, call: Call) -> None:
        """Lets a request to a model that chats pass. Raises `Refused`."""
        if not call.model or _NOWHERE.search(call.model) or call.asked.base in self.vectors:
            self.no_model(call)

    def no_model(self, call: Call) -> NoReturn:
        """Raises `Refused`: nobody knows the model, or it is for something else."""
        message = f"The model `{call.model}` does not exist or you do not have access to it."
        client.refuse(call, message, code="model_not_found", status=404)

    def admit(self, call: Call) -> None:
        """Lets a request with a good key pass. Raises `Refused`."""
        if bearer(call) or not self.keyless:
            client.admit(call)

    # routes

    def speaking(self, handler: Handler) -> Handler:
        """A route of OpenAI's, its headers and refusals in this accent."""

        def spoken(call: Call) -> Response:
            try:
                response = handler(call)
            except Refused as refused:
                raise Refused(self.refusal_of(call, refused.response)) from None
            response.headers = self.headers(call, response.headers)
            return response

        return spoken

    def headers(self, call: Call, given: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The headers of an answer, without what only OpenAI sends."""
        kept = [(name, value) for name, value in given if not name.startswith(_OPENAIS)]
        return [*kept, (self.request_id, f"{self.name}-{call.serial:032x}")]

    def refusal_of(self, call: Call, given: Response) -> Response:
        """OpenAI's refusal, as this provider says it."""
        error = msgspec.json.decode(given.body)["error"]
        body = self.complains(call, given.status, error)
        return Response(given.status, self.headers(call, given.headers), encode(body))

    def refusal(self, status: int, call: Call, words: str = "") -> Response:
        """What it says with a status."""
        return self.refusal_of(call, client.refusal(status, call, words))

    def listed(self, call: Call) -> Response:
        """GET /v1/models. Raises `Refused`."""
        if not self.whoami:
            self.admit(call)
        models = [
            {"id": id, "object": "model", "created": BIRTH, "owned_by": self.name, **told}
            for id, told in self.models.items()
        ]
        return client.answer(call, self.lists(models))

    def embed(self, call: Call) -> Response:
        """POST /v1/embeddings. Raises `Refused`."""
        self.admit(call)
        body = client.document(call)
        known(call, body, self.vector_fields)
        name = call.asked.base
        if name not in self.vectors:
            self.no_model(call)
        return client.answer(call, embedding.embedded(call, body, name, self.vectors))

    def known(self, call: Call) -> Response:
        """The route that tells whose key it is. Raises `Refused`."""
        self.admit(call)
        return client.answer(call, {"data": {"label": "lab", "usage": 0, "limit": None}})

    def provider(self, chat: Callable[["Accent", Call], Response]) -> Provider:
        """The emulator that speaks with this accent."""
        routes: dict[tuple[str, str], Handler] = {
            ("POST", "/v1/chat/completions"): partial(chat, self),
            ("GET", "/v1/models"): self.listed,
        }
        if self.vectors:
            routes["POST", "/v1/embeddings"] = self.embed
        if self.whoami:
            routes["GET", self.whoami] = self.known
        return Provider(
            name=self.name,
            routes={route: self.speaking(handler) for route, handler in routes.items()},
            by_id={},
            refusal=self.refusal,
            stream_headers=lambda call: self.headers(call, client.stream_headers(call)),
            example=(
                f"curl -N {{origin}}/{self.name}/v1/chat/completions -H 'authorization: Bearer any' "
                "-H 'content-type: application/json' "
                f"""-d '{{{{"model":"{next(iter(self.models))}","stream":true,"""
                """"messages":[{{"role":"user","content":"Hello"}}]}}'"""
            ),
        )
