"""Models of many vendors on Amazon Bedrock. https://docs.aws.amazon.com/bedrock/latest/userguide/what-is-bedrock.html"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Provider
from integration_api.providers.bedrock import (
    client,
    embedding,
    llm,
    models,
    options,
    refusals,
    reranking,
    verify_credential,
)

BEDROCK = Provider(
    name=client.NAME,
    title="AWS Bedrock",
    fields=(
        client.REGION,
        client.ACCESS_KEY_ID,
        client.SECRET_ACCESS_KEY,
        client.SESSION_TOKEN,
        client.API_KEY,
        client.BASE_MODEL,
        BASE_URL,
    ),
    verify=verify_credential.verify,
    fault=refusals.fault,
    aliases=("aws-bedrock", "aws"),
    request_id_headers=client.REQUEST_ID_HEADERS,
    parameters=(
        "additionalModelRequestFields",
        "additionalModelResponseFieldPaths",
        "api",
        "base_model",
        "betas",
        "guardrailConfig",
        "metadata",
        "performanceConfig",
        "service_tier",
        "speed",
        "thinking",
        "top_k",
    ),
    llm=llm.LLM,
    embedding=embedding.embed,
    reranking=reranking.rerank,
    models=models.models,
    known_as=options.known_as,
)
