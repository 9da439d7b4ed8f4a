"""The JSON Gemini sends: only the fields we read.

https://ai.google.dev/api/generate-content. Unknown fields are skipped; a part of an
unknown kind is read again as whatever JSON it is.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

Json = dict[str, Any]

# Decoded values hold no cycles, so the small ones need not be known to the garbage collector.


class Blob(Struct, rename="camel", gc=False):
    mime_type: str = ""
    data: str = ""


class PartialArgument(Struct, rename="camel"):
    """One piece of a call's arguments, where they are streamed: its place and what is added there."""

    json_path: str = ""
    string_value: str | None = None
    number_value: float | int | None = None
    bool_value: bool | None = None
    null_value: Any = msgspec.UNSET


class FunctionCall(Struct, rename="camel"):
    name: str = ""
    id: str = ""
    args: Raw = Raw(b"")
    partial_args: list[PartialArgument] | None = None
    will_continue: bool = False


class Part(Struct, rename="camel"):
    """One part: fields of the kinds we take apart, and the kinds that are kept whole."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None
    executable_code: Json | None = None
    code_execution_result: Json | None = None
    tool_call: Json | None = None
    tool_response: Json | None = None


class Content(Struct):
    parts: list[Part] | None = None


class Token(Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class TopTokens(Struct):
    candidates: list[Token] = []


class Logprobs(Struct, rename="camel"):
    chosen_candidates: list[Token] = []
    top_candidates: list[TopTokens] = []


class Segment(Struct, rename="camel"):
    part_index: int = 0
    start_index: int = 0
    end_index: int = 0
    text: str = ""


class Support(Struct, rename="camel"):
    segment: Segment = msgspec.field(default_factory=Segment)
    grounding_chunk_indices: list[int] = []


class Grounding(Struct, rename="camel"):
    grounding_chunks: list[dict[str, Json]] = []
    grounding_supports: list[Support] = []


class Attributed(Struct, rename="camel"):
    uri: str | None = None
    title: str | None = None
    start_index: int = 0
    end_index: int = 0


class Candidate(Struct, rename="camel"):
    content: Content | None = None
    finish_reason: str | int | None = None
    finish_message: str | None = None
    index: int | None = None
    safety_ratings: list[Json] | None = None
    grounding_metadata: Json | None = None
    url_context_metadata: Json | None = None
    citation_metadata: Json | None = None
    logprobs_result: Logprobs | None = None
    continuation_token: str | None = None


class Modality(Struct, rename="camel", gc=False):
    modality: str | int = ""
    token_count: int = 0


class Counts(Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[Modality] | None = None
    candidates_tokens_details: list[Modality] | None = None
    cache_tokens_details: list[Modality] | None = None
    tool_use_prompt_tokens_details: list[Modality] | None = None
    service_tier: str | None = None
    traffic_type: str | int | None = None


class Answer(Struct, rename="camel"):
    """A whole answer, or what one chunk of a stream adds to it."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Json | None = None
    usage_metadata: Counts | None = None
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    error: Any = None


class Violation(Struct, rename="camel"):
    quota_id: str = ""
    field: str = ""


class Detail(Struct, rename="camel"):
    """One of an error's details; `@type` tells which, but their fields do not collide."""

    reason: str | None = None
    retry_delay: str | None = None
    violations: list[Violation] | None = None
    field_violations: list[Violation] | None = None


class Error(Struct):
    message: str = ""
    status: str | None = None
    code: int | str | None = None
    details: list[Detail] | None = None


class Refusal(Struct):
    error: Error


class TokenCount(Struct, rename="camel"):
    total_tokens: int = 0


ANSWER = msgspec.json.Decoder(Answer)
REFUSAL = msgspec.json.Decoder(Refusal)
REFUSALS = msgspec.json.Decoder(list[Refusal])
TOKEN_COUNT = msgspec.json.Decoder(TokenCount)
ANYTHING = msgspec.json.Decoder()
