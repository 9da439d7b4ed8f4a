"""Cohere: chat, embed, rerank, models (docs.cohere.com/reference)."""

from lab.cohere import chat, client, embedding, models, reranking
from lab.http import Provider

PROVIDER = Provider(
    name="cohere",
    routes={
        ("POST", "/v2/chat"): chat.complete,
        ("POST", "/v2/embed"): embedding.embed,
        ("POST", "/v2/rerank"): reranking.rerank,
        ("GET", "/v1/models"): models.listed,
        ("POST", "/v1/check-api-key"): client.check_key,
    },
    by_id={("GET", "/v1/models"): models.one},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N {origin}/cohere/v2/chat -H 'authorization: Bearer any' "
        "-H 'content-type: application/json' "
        """-d '{{"model":"command-a-03-2025","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'"""
    ),
)
