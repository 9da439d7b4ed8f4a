"""Voyage: embeddings of three kinds, and rerank (docs.voyageai.com/reference)."""

from lab.http import Provider
from lab.voyageai import client, embedding, reranking

PROVIDER = Provider(
    name="voyageai",
    routes={
        ("POST", "/v1/embeddings"): embedding.embed,
        ("POST", "/v1/multimodalembeddings"): embedding.embed_pictures,
        ("POST", "/v1/contextualizedembeddings"): embedding.embed_chunks,
        ("POST", "/v1/rerank"): reranking.rerank,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.headers,
    example=(
        "curl {origin}/voyageai/v1/embeddings -H 'authorization: Bearer pa-any' "
        """-H 'content-type: application/json' -d '{{"model":"voyage-4","input":["Hello"]}}'"""
    ),
)
