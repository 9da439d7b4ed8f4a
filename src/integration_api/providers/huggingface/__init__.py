"""Open models: Hugging Face's router, endpoints of one's own, and servers of embeddings.

https://huggingface.co/docs/inference-providers
"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Provider
from integration_api.providers.huggingface import (
    client,
    embedding,
    llm,
    models,
    reranking,
    verify_credential,
)

HUGGINGFACE = Provider(
    name=client.NAME,
    title="Hugging Face",
    fields=(client.KEY, BASE_URL, client.KIND, client.BILL_TO),
    verify=verify_credential.verify,
    fault=client.fault,
    aliases=("hf",),
    request_id_headers=client.REQUEST_ID_HEADERS,
    parameters=(
        "chat_template_kwargs",
        "min_p",
        "normalize",
        "pooling",
        "prompt_name",
        "reasoning_effort",
        "repetition_penalty",
        "tool_prompt",
        "top_k",
        "top_logprobs",
        "truncation_direction",
    ),
    llm=llm.LLM,
    embedding=embedding.embed,
    reranking=reranking.rerank,
    models=models.models,
)
