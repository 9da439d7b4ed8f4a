"""Hugging Face: the router and its partners, the hub, pipelines, and a TEI server, all at one address
(huggingface.co/docs/inference-providers, huggingface.github.io/text-embeddings-inference).
"""

from lab.http import SSE, Provider
from lab.huggingface import chat, client, embedding, hub

PROVIDER = Provider(
    name="huggingface",
    routes={
        ("POST", "/v1/chat/completions"): chat.complete,
        ("GET", "/v1/models"): hub.listed,
        ("GET", "/api/whoami-v2"): hub.whoami,
        ("GET", "/api/models/{model:path}"): hub.model,
        ("POST", "/hf-inference/models/{model:path}/pipeline/feature-extraction"): embedding.pipeline,
        ("GET", "/info"): embedding.info,
        ("GET", "/health"): embedding.health,
        ("POST", "/"): embedding.embed,
        ("POST", "/embed"): embedding.embed,
        ("POST", "/v1/embeddings"): embedding.embed_openai,
        ("POST", "/rerank"): embedding.rerank,
        ("POST", "/{partner}/v1/embeddings"): embedding.partner,
        ("POST", "/{partner}/v1/openai/embeddings"): embedding.partner,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=lambda call: client.headers(call, SSE),
    example=(
        "curl -N {origin}/huggingface/v1/chat/completions -H 'authorization: Bearer hf_any' "
        "-H 'content-type: application/json' "
        """-d '{{"model":"meta-llama/Llama-3.3-70B-Instruct","stream":true,"""
        """"messages":[{{"role":"user","content":"Hello"}}]}}'"""
    ),
)
