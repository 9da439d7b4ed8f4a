"""Voyage AI's embeddings and rerankers. https://docs.voyageai.com"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Provider
from integration_api.providers.voyageai import client, embedding, models, reranking, verify_credential

VOYAGEAI = Provider(
    name=client.NAME,
    title="Voyage AI",
    fields=(client.VOYAGE_KEY, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    aliases=("voyage",),
    request_id_headers=client.REQUEST_ID_HEADERS,
    parameters=("input_type", "output_dtype", "truncation"),
    embedding=embedding.embed,
    chunk_embedding=embedding.embed_chunks,
    reranking=reranking.rerank,
    models=models.models,
)
