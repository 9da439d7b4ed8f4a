"""Vertex AI: Gemini's language, Claude's, embeddings."""

from integration_api.core.credential import Credential
from tests.laws.speaker import Speaker
from tests.laws.speakers import anthropic_messages, gemini_contents

CREDENTIAL = Credential(
    "vertexai",
    {"project_id": "example-project", "region": "us-central1"},
    held=frozenset({"service_account_key"}),
)

SPEAKERS = (
    Speaker(
        provider="vertexai",
        folder="vertex",
        api="generateContent",
        credential=CREDENTIAL,
        whole_of=gemini_contents.whole_of,
        stream_of=gemini_contents.stream_of,
        framed=gemini_contents.framed,
        model=gemini_contents.model_of,
        embedded=gemini_contents.embedded,
        ranked=lambda told: [(int(record["id"]), record["score"]) for record in told["records"]],
        any_model="gemini-embedding-2",
        explanation=gemini_contents.explanation,
        refused=gemini_contents.refused,
    ),
    Speaker(
        provider="vertexai",
        folder="vertex",
        kinds={"claude-tools": "tools"},
        api="claude",
        errors=False,
        credential=CREDENTIAL,
        whole_of=anthropic_messages.whole_of,
        stream_of=anthropic_messages.stream_of,
        model=gemini_contents.model_of,
    ),
)
