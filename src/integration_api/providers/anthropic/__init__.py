"""Claude, by Anthropic. https://platform.claude.com/docs/en/api/overview"""

from integration_api.core.credential import BASE_URL
from integration_api.core.provider import Provider
from integration_api.providers.anthropic import client, llm, models, verify_credential

ANTHROPIC = Provider(
    name=client.NAME,
    title="Anthropic",
    fields=(
        client.KEY,
        client.AUTH_TOKEN,
        BASE_URL,
        client.API_VERSION_FIELD,
        client.WORKSPACE,
        client.BETAS,
    ),
    verify=verify_credential.verify,
    fault=client.fault,
    request_id_headers=("request-id", "x-request-id"),
    connections=("messages",),
    parameters=(
        "cache_control",
        "container",
        "context_management",
        "diagnostics",
        "inference_geo",
        "mcp_servers",
        "output_config",
        "service_tier",
        "speed",
        "thinking",
        "top_k",
    ),
    llm=llm.LLM,
    models=models.models,
)
