"""Open and official models, run as predictions by Replicate. https://replicate.com/docs/reference/http"""

from integration_api.core.credential import BASE_URL, KEY
from integration_api.core.provider import Provider
from integration_api.providers.replicate import client, llm, models, verify_credential

REPLICATE = Provider(
    name=client.NAME,
    title="Replicate",
    fields=(KEY, BASE_URL),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=client.REQUEST_ID_HEADERS,
    parameters=(
        "max_completion_tokens",
        "min_p",
        "presence_penalty",
        "reasoning_effort",
        "repetition_penalty",
        "seed",
        "top_k",
        "verbosity",
        "webhook",
    ),
    llm=llm.LLM,
    models=models.models,
)
