"""The platform's custom LLM: a server of one's own, in whichever of four languages the credential or the call names."""

from integration_api.core.provider import Provider
from integration_api.providers.custom_llm import client, llm, verify_credential

CUSTOM_LLM = Provider(
    name=client.NAME,
    title="Custom LLM",
    fields=(client.BASE_URL, client.COMPATIBILITY, client.HEADERS, client.KEY),
    verify=verify_credential.verify,
    fault=client.fault,
    connections=tuple(llm.LANGUAGES),
    llm=llm.LLM,
)
