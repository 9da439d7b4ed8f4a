"""Cohere's models. https://docs.cohere.com/reference/about"""

from integration_api.core.credential import BASE_URL, KEY
from integration_api.core.provider import Provider
from integration_api.providers.cohere import client, embedding, llm, models, reranking, verify_credential

COHERE = Provider(
    name=client.NAME,
    title="Cohere",
    fields=(KEY, BASE_URL, client.CLIENT_NAME),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    connections=("chat_v2",),
    parameters=(
        "citation_options",
        "documents",
        "priority",
        "safety_mode",
        "strict_tools",
        "thinking",
        "top_k",
    ),
    llm=llm.LLM,
    embedding=embedding.embed,
    reranking=reranking.rerank,
    models=models.models,
)
