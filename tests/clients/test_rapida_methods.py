"""Every method of the newer generation, by rapida-python's stubs: well asked, refused, and without a key."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import grpc
from rapida.clients.protos import audit_logging_api_pb2 as audit_api
from rapida.clients.protos import common_pb2 as common
from rapida.clients.protos import integration_api_pb2 as api
from rapida.clients.protos import vault_api_pb2 as vault_api
from rapida.clients.protos.audit_logging_api_pb2_grpc import AuditLoggingServiceStub
from rapida.clients.protos.integration_api_pb2_grpc import UnifiedProviderServiceStub
from rapida.clients.protos.vault_api_pb2_grpc import VaultServiceStub

from tests.clients.outcomes import fared, hold, methods
from tests.clients.test_rapida import (
    CLOSE,
    KEY,
    SECONDS,
    Client,
    chat,
    chat_frame,
    client,
    configuration,
    metadata,
    string_to_any,
)
from tests.e2e.conftest import base_url
from tests.e2e.service import Service

__all__ = ["client"]
UNIFIED, AUDIT, VAULT = (
    "integration_api.UnifiedProviderService",
    "integration_api.AuditLoggingService",
    "vault_api.VaultService",
)
NOBODY = 4711


def asked(client: Client, service: Service) -> dict[str, tuple[Any, Any]]:
    """Return what to ask each method: something that goes well, and something that is refused."""
    stored = int(service.add_credential("openai", base_url(client.lab, "openai"), name="methods"))
    named = api.Credential(id=stored)
    model, refused = "openai/gpt-4o", "openai/gpt-4o-lab-status-400"

    def embedding(name: str) -> api.EmbeddingRequest:
        return api.EmbeddingRequest(
            providerName="openai", content={0: "one"}, modelParameters={"model.name": string_to_any(name)}
        )

    def reranking(name: str) -> api.RerankingRequest:
        return api.RerankingRequest(
            providerName="cohere",
            query="one",
            content={0: "one"},
            modelParameters={"model.name": string_to_any(name)},
        )

    def verification(key: str) -> api.VerifyCredentialRequest:
        return api.VerifyCredentialRequest(providerName="openai", credential=client.credential("openai", key))

    def creation(key: str) -> vault_api.CreateProviderCredentialRequest:
        held = client.credential("openai", key).value
        return vault_api.CreateProviderCredentialRequest(provider="openai", name="made", credential=held)

    def listing(kind: Any, key: str) -> Any:
        return kind(
            paginate=common.Paginate(page=1, pageSize=5), criterias=[common.Criteria(key=key, value="openai")]
        )

    record = client.ask("Embedding", embedding("text-embedding-3-small")).requestId
    configured = configuration("openai", credential=named)
    wrong = "lab-invalid-key-0123456789"
    get = vault_api.GetCredentialRequest
    return {
        f"{UNIFIED}/Chat": (chat(model), chat(refused)),
        f"{UNIFIED}/StreamChat": (
            (configured, chat_frame("t1", model), CLOSE),
            (configured, chat_frame("t1", refused)),
        ),
        f"{UNIFIED}/Embedding": (
            embedding("text-embedding-3-small"),
            embedding("text-embedding-3-small-lab-status-400"),
        ),
        f"{UNIFIED}/Reranking": (reranking("rerank-v3.5"), reranking("rerank-v3.5-lab-status-400")),
        f"{UNIFIED}/VerifyCredential": (verification(KEY), verification(wrong)),
        f"{VAULT}/CreateProviderCredential": (creation(KEY), creation(wrong)),
        f"{VAULT}/GetAllOrganizationCredential": (
            listing(vault_api.GetAllOrganizationCredentialRequest, "provider"),
            listing(vault_api.GetAllOrganizationCredentialRequest, "value"),
        ),
        f"{VAULT}/GetCredential": (get(vaultId=stored), get(vaultId=NOBODY)),
        f"{VAULT}/GetOauth2Credential": (get(vaultId=stored), get(vaultId=NOBODY)),
        f"{VAULT}/DeleteCredential": (
            vault_api.DeleteCredentialRequest(vaultId=stored),
            vault_api.DeleteCredentialRequest(vaultId=NOBODY),
        ),
        f"{AUDIT}/CreateMetadata": (
            audit_api.CreateMetadataRequest(id=record, additionalData={"message_id": "1"}),
            audit_api.CreateMetadataRequest(id=NOBODY, additionalData={"message_id": "1"}),
        ),
        f"{AUDIT}/GetAllAuditLog": (
            listing(audit_api.GetAllAuditLogRequest, "provider_name"),
            listing(audit_api.GetAllAuditLogRequest, "response"),
        ),
        f"{AUDIT}/GetAuditLog": (
            audit_api.GetAuditLogRequest(id=record),
            audit_api.GetAuditLogRequest(id=NOBODY),
        ),
    }


def test_every_method(client: Client, service: Service) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stubs = {
            UNIFIED: UnifiedProviderServiceStub(channel),
            AUDIT: AuditLoggingServiceStub(channel),
            VAULT: VaultServiceStub(channel),
        }

        def calling(path: str, request: Any, signed: bool = True) -> Callable[[], Any]:
            service_name, _, method = path.partition("/")
            call = getattr(stubs[service_name], method)
            given = metadata() if signed else []
            if isinstance(request, tuple):
                return lambda: call(iter(request), metadata=given, timeout=SECONDS)
            return lambda: call(request, metadata=given, timeout=SECONDS)

        found = {
            path: {
                "well": fared(calling(path, well)),
                "refused": fared(calling(path, refused)),
                "unsigned": fared(calling(path, well, signed=False)),
            }
            for path, (well, refused) in asked(client, service).items()
        }
    described = [
        api.DESCRIPTOR.services_by_name["UnifiedProviderService"],
        audit_api.DESCRIPTOR.services_by_name["AuditLoggingService"],
        vault_api.DESCRIPTOR.services_by_name["VaultService"],
    ]
    assert methods(described) == sorted(found)
    hold(f"rapida-python {version('rapida-python')}", found)
