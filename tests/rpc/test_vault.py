"""VaultService, by grpcio: credentials come in, are verified, listed and erased, and never come out."""

from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.edge.application import Status
from integration_api.proto import common_pb2 as common
from integration_api.proto import vault_pb2 as wire
from integration_api.rpc.errors import status_of
from tests.e2e.conftest import base_url
from tests.e2e.service import ADMIN_KEY, Service
from tests.e2e.test_isolation import other_project
from tests.rpc.caller import Caller, chat_request, credential, details, signed

METHODS: Mapping[str, tuple[type[Any], type[Any]]] = {
    "CreateProviderCredential": (wire.CreateProviderCredentialRequest, wire.GetCredentialResponse),
    "GetAllOrganizationCredential": (
        wire.GetAllOrganizationCredentialRequest,
        wire.GetAllOrganizationCredentialResponse,
    ),
    "DeleteCredential": (wire.DeleteCredentialRequest, wire.GetCredentialResponse),
    "GetCredential": (wire.GetCredentialRequest, wire.GetCredentialResponse),
    "GetOauth2Credential": (wire.GetCredentialRequest, wire.GetCredentialResponse),
}
KEY = "lab-key-kept-in-the-vault-0123456789"


class Vault:
    def __init__(self, caller: Caller, key: str = ADMIN_KEY) -> None:
        self._caller, self._key = caller, key

    def ask(self, method: str, **fields: Any) -> Any:
        asked, answered = METHODS[method]
        stub = self._caller.channel.unary_unary(
            f"/vault_api.VaultService/{method}", asked.SerializeToString, answered.FromString
        )
        return stub(asked(**fields), metadata=signed(self._key), timeout=60)

    def create(self, name: str, provider: str = "openai", **value: Any) -> Any:
        held = Struct()
        held.update({"key": KEY, "base_url": base_url(self._caller.lab, provider), **value})
        return self.ask("CreateProviderCredential", name=name, provider=provider, credential=held)

    def find(self, page: int = 0, size: int = 0, *criteria: tuple[str, str, str]) -> Any:
        return self.ask(
            "GetAllOrganizationCredential",
            paginate=common.Paginate(page=page, pageSize=size),
            criterias=[common.Criteria(key=k, value=v, logic=logic) for k, v, logic in criteria],
        )


@pytest.fixture(scope="module")
def project(caller: Caller) -> Vault:
    """A project of its own, so that lists hold what was put there."""
    return Vault(caller, other_project(caller.service))


@pytest.fixture
def made(project: Vault) -> Iterator[Any]:
    found = project.create("made").data
    yield found
    project.ask("DeleteCredential", vaultId=found.id)


def test_a_credential_is_kept_and_used_and_never_shown(caller: Caller, project: Vault) -> None:
    answer = project.create("production")
    assert (answer.code, answer.success, answer.HasField("error")) == (200, True, False)
    kept = answer.data
    assert (kept.name, kept.provider, kept.status) == ("production", "openai", "ACTIVE")
    assert kept.organizationId
    assert kept.createdDate.seconds
    shown = [
        answer,
        project.ask("GetCredential", vaultId=kept.id),
        project.ask("GetOauth2Credential", vaultId=kept.id),
        project.find(),
    ]
    for one in shown:
        assert one.success
        assert KEY not in str(one)
        assert "value" not in {field.name for field, _ in kept.ListFields()}
    used = caller.call(
        "Chat", chat_request("openai/gpt-4o", credential=credential(kept.id)), key=project._key
    )
    assert used.success
    gone = project.ask("DeleteCredential", vaultId=kept.id)
    assert (gone.success, gone.data.id, gone.data.status) == (True, kept.id, "ARCHIEVE")
    for method in ("GetCredential", "GetOauth2Credential", "DeleteCredential"):
        with pytest.raises(grpc.RpcError) as missing:
            project.ask(method, vaultId=kept.id)
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND


def test_what_the_provider_refuses_is_not_kept(project: Vault) -> None:
    answer = project.create("refused", key="lab-invalid-key-0123456789")
    assert (answer.code, answer.success, answer.HasField("data")) == (422, False, False)
    assert answer.error.errorMessage.startswith("credential_invalid: ")
    assert "invalid-key" not in str(answer)
    assert project.find(0, 0, ("name", "refused", "=")).paginated.totalItem == 0


def test_a_name_is_given_once(project: Vault, made: Any) -> None:
    with pytest.raises(grpc.RpcError) as taken:
        project.create("made")
    assert taken.value.code() is grpc.StatusCode.ALREADY_EXISTS


def test_what_stands_there_already_and_what_somebody_changed_first_are_told_apart() -> None:
    told = {
        code: status_of(Failure(Kind.CONFLICT, "", code=code))
        for code in ("name_taken", "credential_changed")
    }
    assert told == {"name_taken": Status.ALREADY_EXISTS, "credential_changed": Status.ABORTED}
    assert status_of(Failure(Kind.CONFLICT, "", code="batch_state")) is Status.FAILED_PRECONDITION
    theirs = ProviderError(Kind.CONFLICT, "", provider="twilio", code="credential_changed")
    assert status_of(theirs) is Status.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"provider": ""}, "missing_required_parameter"),
        ({"provider": "nobody"}, "unknown_provider"),
        ({"name": ""}, "invalid_value"),
        ({"name": "x" * 300}, "invalid_value"),
    ],
)
def test_what_is_wrong_is_named(project: Vault, given: dict[str, str], reason: str) -> None:
    fields = {"name": "wrong", "provider": "sandbox", **given}
    with pytest.raises(grpc.RpcError) as refused:
        project.ask("CreateProviderCredential", **fields)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(refused.value)[1]["ErrorInfo"].reason == reason


@pytest.fixture(scope="module")
def many(caller: Caller) -> Vault:
    """A project with twelve credentials of two providers."""
    vault = Vault(caller, other_project(caller.service))
    for number in range(12):
        assert vault.create(f"key {number:02}", "openai" if number % 3 else "mistral").success
    return vault


def test_lists_come_in_pages_newest_first(many: Vault) -> None:
    pages = [many.find(page, 5) for page in (0, 1, 2, 3, 4)]
    names = [[one.name for one in page.data] for page in pages]
    assert names[0] == names[1] == [f"key {n:02}" for n in (11, 10, 9, 8, 7)]
    assert names[3:] == [["key 01", "key 00"], []]
    assert [page.paginated.totalItem for page in pages] == [12] * 5
    assert [page.paginated.currentPage for page in pages] == [1, 1, 2, 3, 4]
    assert len(many.find(1, 10_000).data) == 12


@pytest.mark.parametrize(
    ("criteria", "numbers"),
    [
        ([("provider", "mistral", "=")], [9, 6, 3, 0]),
        ([("provider", "mistral", ""), ("provider", "openai", "or")], list(range(11, -1, -1))),
        ([("provider", "custom-llm", "or")], []),
        ([("name", "key 07", "=")], [7]),
        ([("name", "y 1", "like")], [11, 10]),
        ([("name", "y 1", "contains"), ("provider", "openai", "=")], [11, 10]),
        ([("name", "%", "like")], []),
        ([("name", "' OR 1=1 --", "=")], []),
        ([("name", "\0", "contains")], []),
    ],
)
def test_lists_are_narrowed_by_criteria(
    many: Vault, criteria: list[tuple[str, str, str]], numbers: list[int]
) -> None:
    found = many.find(1, 100, *criteria)
    assert [one.name for one in found.data] == [f"key {n:02}" for n in numbers]
    assert found.paginated.totalItem == len(numbers)


@pytest.mark.parametrize(
    "criterion",
    [
        ("value", "x", "="),
        ("1=1) OR (1", "1", "="),
        ("provider", "openai", "like"),
        ("name", "x", "or"),
        ("name", "x", ">"),
        ("name", "x", "; DROP TABLE credentials"),
        ("organization_id", "1", "or"),
    ],
)
def test_criteria_that_are_not_offered_are_refused(many: Vault, criterion: tuple[str, str, str]) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        many.find(1, 10, criterion)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_an_or_reaches_no_further_than_the_project(
    caller: Caller, project: Vault, many: Vault, made: Any
) -> None:
    both = [("provider", "openai", "="), ("provider", "mistral", "or")]
    for vault, other in ((project, many), (many, project)):
        mine = {one.id for one in vault.find(1, 100, *both).data}
        assert mine
        assert mine.isdisjoint(one.id for one in other.find(1, 100).data)
    stranger = Vault(caller, other_project(caller.service))
    assert stranger.find(1, 100, *both).paginated.totalItem == 0


def test_another_projects_credential_does_not_exist(caller: Caller, project: Vault, made: Any) -> None:
    stranger = Vault(caller, other_project(caller.service))
    assert stranger.find().paginated.totalItem == 0
    for method in ("GetCredential", "GetOauth2Credential", "DeleteCredential"):
        told = []
        for id in (made.id, 1, 2**64 - 1):
            with pytest.raises(grpc.RpcError) as refused:
                stranger.ask(method, vaultId=id)
            told.append((refused.value.code(), refused.value.details()))
        assert told[0] == told[1] == told[2]
    assert project.ask("GetCredential", vaultId=made.id).success


def test_what_was_kept_leaves_no_trace_in_clear(
    caller: Caller, service: Service, project: Vault, made: Any
) -> None:
    assert made.id
    for path in service.folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
