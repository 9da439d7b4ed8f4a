"""Mistral: chat completions, embeddings, moderations, models (docs.mistral.ai/api)."""

from lab.http import Provider
from lab.mistral import chat, client, embedding, models, moderation

PROVIDER = Provider(
    name="mistral",
    routes={
        ("POST", "/v1/chat/completions"): chat.complete,
        ("POST", "/v1/embeddings"): embedding.embed,
        ("POST", "/v1/moderations"): moderation.moderate,
        ("POST", "/v1/chat/moderations"): moderation.moderate_chat,
        ("GET", "/v1/models"): models.listed,
    },
    by_id={("GET", "/v1/models"): models.one},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N {origin}/mistral/v1/chat/completions -H 'authorization: Bearer any' "
        "-H 'content-type: application/json' "
        """-d '{{"model":"mistral-small-latest","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'"""
    ),
)
