"""Vertex AI: Gemini, Claude, Mistral and open models, embeddings, ranking, models, and Google's token endpoint.

Tokens are those that `/vertexai/token` hands out for `/vertexai/service-account.json`, or any others
(cloud.google.com/vertex-ai/docs/reference/rest).
"""

from lab.gemini.fields import VERTEX
from lab.http import Handler, Provider
from lab.vertexai import client, embedding, gemini, models, partners, ranking, token

_PLACE = "/{version}/projects/{project}/locations/{location}"
_GOOGLE = "publishers/google/models/{model}"
_METHODS: dict[str, Handler] = {
    "generateContent": gemini.generate,
    "streamGenerateContent": gemini.stream,
    "countTokens": gemini.count_tokens,
}
_VECTORS: dict[str, Handler] = {
    "predict": embedding.predict,
    "embedContent": embedding.one,
    "batchEmbedContents": embedding.batch,
}
_CLAUDE = f"{_PLACE}/publishers/anthropic/models"
_MISTRAL = f"{_PLACE}/publishers/mistralai/models"

PROVIDER = Provider(
    name=VERTEX,
    routes={
        **{("POST", f"{_PLACE}/{_GOOGLE}:{method}"): one for method, one in (_METHODS | _VECTORS).items()},
        **{("POST", f"{_PLACE}/endpoints/{{model}}:{method}"): one for method, one in _METHODS.items()},
        **{
            ("POST", f"/{{version}}/{_GOOGLE}:{method}"): one for method, one in (_METHODS | _VECTORS).items()
        },
        ("POST", f"{_CLAUDE}/count-tokens:rawPredict"): partners.count_claude,
        ("POST", f"{_CLAUDE}/{{model}}:rawPredict"): partners.claude,
        ("POST", f"{_CLAUDE}/{{model}}:streamRawPredict"): partners.claude,
        ("POST", f"{_MISTRAL}/{{model}}:rawPredict"): partners.mistral,
        ("POST", f"{_MISTRAL}/{{model}}:streamRawPredict"): partners.mistral,
        ("POST", f"{_PLACE}/endpoints/openapi/chat/completions"): partners.open_model,
        ("POST", f"{_PLACE}/rankingConfigs/{{config}}:rank"): ranking.rank,
        ("GET", "/{version}/publishers/{publisher}/models"): models.listed,
        ("POST", "/token"): token.grant,
        ("GET", "/service-account.json"): token.service_account,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N '{origin}/vertexai/v1/projects/p1/locations/global/publishers/google/models/"
        "gemini-3.8-flash:streamGenerateContent?alt=sse' -H 'authorization: Bearer any' "
        "-H 'content-type: application/json' "
        """-d '{{"contents":[{{"role":"user","parts":[{{"text":"Hello"}}]}}]}}'"""
    ),
)
