"""AWS Bedrock: Converse, InvokeModel, Rerank and the lists of models, its three hosts in one
(docs.aws.amazon.com/bedrock/latest/APIReference). Signatures are checked: every access key ID has the secret
`lab-secret-access-key`, those that begin with ASIA need a session token, and API keys begin as AWS's do.
"""

from lab.bedrock import (
    client,
    converse,
    embedding,
    models,
    own_claude,
    own_nova,
    own_text,
    reranking,
)
from lab.bedrock.invoke import Invoke
from lab.http import Provider

_INVOKE = Invoke(
    {
        "claude": own_claude.speak,
        "nova": own_nova.speak,
        **dict.fromkeys(("llama", "mistral", "titan", "command", "command-r", "jamba"), own_text.speak),
        "titan-embed": embedding.titan,
        "titan-image": embedding.titan_image,
        "cohere-embed": embedding.cohere,
        "nova-embed": embedding.nova,
        "cohere-rerank": reranking.speak,
        "amazon-rerank": reranking.speak,
    }
)

PROVIDER = Provider(
    name="bedrock",
    routes={
        ("POST", "/model/{model}/converse"): converse.complete,
        ("POST", "/model/{model}/converse-stream"): converse.stream,
        ("POST", "/model/{model}/count-tokens"): converse.count_tokens,
        ("POST", "/model/{model}/invoke"): _INVOKE.complete,
        ("POST", "/model/{model}/invoke-with-response-stream"): _INVOKE.stream,
        ("POST", "/rerank"): reranking.rerank,
        ("GET", "/foundation-models"): models.listed,
        ("GET", "/inference-profiles"): models.profiles,
    },
    by_id={("GET", "/foundation-models"): models.one},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl {origin}/bedrock/model/us.amazon.nova-2-lite-v1%3A0/converse "
        "-H 'authorization: Bearer ABSKany' -H 'content-type: application/json' "
        """-d '{{"messages":[{{"role":"user","content":[{{"text":"Hello"}}]}}]}}'"""
    ),
)
