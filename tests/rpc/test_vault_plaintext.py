"""Who is given a credential in clear: a service of the platform that the operator has named, and nobody else."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from integration_api.core.tenant import Tenant
from integration_api.proto import unified_pb2 as wire_unified
from integration_api.proto import vault_pb2 as wire
from tests.e2e.conftest import base_url
from tests.e2e.service import ADMIN_KEY, Service, running
from tests.e2e.test_import_vault import Stage, row
from tests.rpc.caller import SECONDS, SERVICE, chat_request, credential, until
from tests.servers import database, postgres_server
from tests.services.tokens import SECRET, metadata, new, old, service_key, signed, third

ORGANIZATION, PROJECT = 7, 70
KEY = 'secret-in-clear-"0123456789é'
CLAIMS: dict[str, Any] = {"organizationId": ORGANIZATION, "projectId": PROJECT}
USER = service_key(third("user", iss="web-api", **CLAIMS))
Metadata = list[tuple[str, Any]]


def made_by(service: str, **claims: Any) -> Metadata:
    return service_key(new(iss=service, **{**CLAIMS, **claims}))


class Vault:
    def __init__(self, service: Service, kept: int) -> None:
        self.service = service
        self.kept = kept

    def ask(self, method: str, shown: Metadata, request: Any, kind: Any = wire.GetCredentialResponse) -> Any:
        with grpc.insecure_channel(f"127.0.0.1:{self.service.port}") as channel:
            path = f"/vault_api.VaultService/{method}"
            stub = channel.unary_unary(path, type(request).SerializeToString, kind.FromString)
            return stub(request, metadata=metadata(shown), timeout=SECONDS)

    def chat(self, shown: Metadata, request: Any) -> Any:
        with grpc.insecure_channel(f"127.0.0.1:{self.service.port}") as channel:
            stub = channel.unary_unary(
                SERVICE + "Chat",
                wire_unified.ChatRequest.SerializeToString,
                wire_unified.ChatResponse.FromString,
            )
            return stub(request, metadata=metadata(shown), timeout=SECONDS)

    def get(self, shown: Metadata, method: str = "GetCredential", id: int = 0) -> Any:
        return self.ask(method, shown, wire.GetCredentialRequest(vaultId=id or self.kept))


IMPORTED = "lab-key-imported-0123456789"
VALUE = {"subscription_key": KEY, "endpoint": "https://a.openai.azure.com", "region": "x" * 300}


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Vault]:
    folder = tmp_path_factory.mktemp("plaintext")
    with database(postgres_server()) as source, database(postgres_server()) as target:
        stage = Stage(folder, source, target).begin()
        mine = Tenant(ORGANIZATION, PROJECT)
        lab_value = {"key": IMPORTED, "base_url": base_url(lab, "openai")}
        stage.insert([
            row(4711, VALUE, "azure-foundry", name="prod", tenant=mine),
            row(4712, lab_value, tenant=mine),
            row(4713, lab_value, tenant=Tenant(ORGANIZATION, PROJECT + 1)),
        ])  # fmt: skip
        stage.run()
        settings = {
            **stage.environ,
            "SECRET": SECRET,
            "VAULT__PLAINTEXT_SERVICES": "assistant-api, endpoint-api",
        }
        with running(folder, **settings) as service:
            yield Vault(service, 4711)


@pytest.mark.parametrize("method", ["GetCredential", "GetOauth2Credential"])
@pytest.mark.parametrize("service", ["assistant-api", "endpoint-api"])
def test_a_named_service_is_given_the_value_as_it_was(vault: Vault, service: str, method: str) -> None:
    answer = vault.get(made_by(service), method)
    assert answer.success
    found = answer.data
    assert (found.id, found.name, found.provider, found.status) == (4711, "prod", "azure-foundry", "ACTIVE")
    assert dict(found.value) == VALUE


@pytest.mark.parametrize(
    "shown",
    [
        made_by("web-api"), made_by("assistant"), made_by("Assistant-API"), made_by(" assistant-api"),
        service_key(old(**CLAIMS)), USER,
    ],
)  # fmt: skip
def test_nobody_else_is(vault: Vault, shown: Metadata) -> None:
    answer = vault.get(shown)
    assert (answer.success, answer.data.id) == (True, 4711)
    assert not answer.data.HasField("value")
    assert KEY.encode() not in answer.SerializeToString()


def test_a_list_has_no_values_even_for_them(vault: Vault) -> None:
    request = wire.GetAllOrganizationCredentialRequest()
    listed = vault.ask(
        "GetAllOrganizationCredential", made_by("assistant-api"), request,
        wire.GetAllOrganizationCredentialResponse,
    )  # fmt: skip
    assert {one.id for one in listed.data} == {4711, 4712}
    assert not any(one.HasField("value") for one in listed.data)


def test_they_are_given_their_callers_projects_values_only(vault: Vault) -> None:
    for other in ({"projectId": PROJECT + 1}, {"organizationId": ORGANIZATION + 1}):
        with pytest.raises(grpc.RpcError) as missing:
            vault.get(made_by("assistant-api", **other))
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError):
        vault.get([("x-api-key", ADMIN_KEY)])


def test_creating_and_deleting_give_no_value_back(vault: Vault) -> None:
    held = Struct()
    held.update({"base_url": "https://sandbox.example"})
    request = wire.CreateProviderCredentialRequest(provider="sandbox", name="made", credential=held)
    for_user = service_key(third("user", iss="assistant-api", **CLAIMS))
    made = vault.ask("CreateProviderCredential", for_user, request)
    assert made.success
    assert not made.data.HasField("value")
    gone = vault.ask("DeleteCredential", for_user, wire.DeleteCredentialRequest(vaultId=made.data.id))
    assert not gone.data.HasField("value")


def test_each_time_is_recorded_and_nothing_is_logged(vault: Vault) -> None:
    vault.get(made_by("assistant-api"))
    headers = {"authorization": signed(new(iss="web-api", **CLAIMS))}

    def recorded() -> bool:
        _, answer = vault.service.call("GET", "/v1/audit?limit=100", key=None, headers=headers)
        return any(one["operation"] == "credential.disclose" for one in answer["data"])

    until(recorded)
    for path in vault.service.folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("claims", [old(**CLAIMS), new(**CLAIMS), third("project", **CLAIMS)])
def test_a_call_that_names_an_imported_id_and_sends_no_value_uses_it(
    vault: Vault, lab: str, claims: dict[str, Any]
) -> None:
    shown = service_key(claims)
    for held in (credential(4712), wire_unified.Credential(id=4712, value=Struct())):
        request = chat_request("openai/gpt-4o", credential=held)
        assert vault.chat(shown, request).success
        seen = json.loads(urlopen(f"{lab}/_lab/requests?provider=openai", timeout=SECONDS).read())[
            "requests"
        ][-1]
        assert sha256(IMPORTED.encode()).hexdigest() in seen["headers"]["authorization"]
    with pytest.raises(grpc.RpcError) as missing:
        vault.chat(shown, chat_request("openai/gpt-4o", credential=credential(4713)))
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND
