"""Azure OpenAI: chat completions, embeddings and models, by deployments and by v1
(learn.microsoft.com/azure/ai-foundry/openai/reference).

A deployment is called like the model behind it; any other name is an ordinary chat model. Its answers are
filtered while they are made; `async-filter` in the name makes that happen afterwards. A prompt with the word
"jailbreak" in it is blocked, and an answer scripted to finish with `content_filter` is blocked midway. Access
tokens are those that the lab's own `/entra` hands out.
"""

from lab.azure_openai import chat, client, embedding, models
from lab.http import Provider

_DEPLOYMENT = "/openai/deployments/{deployment}"

PROVIDER = Provider(
    name="azure-openai",
    routes={
        ("POST", "/openai/v1/chat/completions"): chat.complete,
        ("POST", "/openai/v1/embeddings"): embedding.embed,
        ("GET", "/openai/v1/models"): models.listed,
        ("POST", f"{_DEPLOYMENT}/chat/completions"): chat.complete,
        ("POST", f"{_DEPLOYMENT}/embeddings"): embedding.embed,
        ("GET", "/openai/models"): models.listed,
    },
    by_id={("GET", "/openai/v1/models"): models.one, ("GET", "/openai/models"): models.one},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N {origin}/azure-openai/openai/v1/chat/completions -H 'api-key: any' "
        "-H 'content-type: application/json' "
        """-d '{{"model":"gpt-4o","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'"""
    ),
)
