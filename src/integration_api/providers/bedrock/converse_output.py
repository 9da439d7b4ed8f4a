"""The form of an answer. https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html"""

from integration_api.core.json import encode_text
from integration_api.core.llm import LlmRequest
from integration_api.dialects.anthropic_messages_schema import is_recursive, strict_schema
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock.options import Body

_JSON_ONLY = "Answer with one JSON object and nothing else: no prose, no code fence."


def output_form(ask: LlmRequest, notes: Notes, *, structured: bool) -> tuple[Body, str | None]:
    """Return `outputConfig` for the form asked for, or words that ask for it."""
    output = ask.output
    if output.verbosity:
        notes.cannot("verbosity", "Converse has no setting for verbosity")
    if any(modality != "text" for modality in output.modalities) or output.audio:
        notes.cannot("modalities", "Converse has no setting for what an answer is made of")
    if output.kind == "text":
        return {}, None
    if output.kind == "json_object" or output.schema is None:
        notes.note("mapped", "response_format", "the model was asked for a JSON object in words")
        return {}, _JSON_ONLY
    if structured and not is_recursive(output.schema):
        schema, changed = strict_schema(output.schema)
        if changed:
            notes.note("mapped", "response_format", f"the compiler lacks {', '.join(changed)}: said in words")
        held: Body = {"schema": encode_text(schema)}  # Text within the JSON, as AWS wants it.
        if output.name:
            held["name"] = output.name
        if output.description:
            held["description"] = output.description
        return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": held}}}, None
    notes.cannot("response_format", "the model was told the schema here and not held to it", "degraded")
    return {}, f"{_JSON_ONLY} It must match this JSON Schema: {encode_text(output.schema)}"
