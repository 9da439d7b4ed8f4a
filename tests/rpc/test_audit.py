"""AuditLoggingService, by grpcio: the project's records, found by what is offered and by nothing else."""

from collections.abc import Mapping
from typing import Any

import grpc
import pytest

from integration_api.proto import audit_logging_pb2 as wire
from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as unified
from integration_api.rpc.audit import criteria_of
from integration_api.rpc.listing import page_of
from tests.e2e.conftest import base_url
from tests.e2e.test_isolation import other_project
from tests.rpc.caller import Caller, chat_request, credential, parameters, signed, until

METHODS: Mapping[str, tuple[type[Any], type[Any]]] = {
    "GetAllAuditLog": (wire.GetAllAuditLogRequest, wire.GetAllAuditLogResponse),
    "GetAuditLog": (wire.GetAuditLogRequest, wire.GetAuditLogResponse),
    "CreateMetadata": (wire.CreateMetadataRequest, wire.CreateMetadataResponse),
}


class Audit:
    def __init__(self, caller: Caller, key: str) -> None:
        self.caller, self.key = caller, key

    def ask(self, method: str, **fields: Any) -> Any:
        asked, answered = METHODS[method]
        stub = self.caller.channel.unary_unary(
            f"/integration_api.AuditLoggingService/{method}", asked.SerializeToString, answered.FromString
        )
        return stub(asked(**fields), metadata=signed(self.key), timeout=60)

    def find(self, *criteria: tuple[str, str, str], page: int = 1, size: int = 100, **more: Any) -> Any:
        return self.ask(
            "GetAllAuditLog",
            paginate=common.Paginate(page=page, pageSize=size),
            criterias=[common.Criteria(key=k, value=v, logic=logic) for k, v, logic in criteria],
            **more,
        )


def entries(log: wire.AuditLog) -> dict[str, str]:
    return {one.key: one.value for one in log.externalAuditMetadatas}


def test_a_page_of_no_size_is_as_large_as_pages_get() -> None:
    assert page_of(common.Paginate()) == (1, 100, 0)
    assert page_of(common.Paginate(page=3, pageSize=1000)) == (3, 100, 200)
    assert page_of(common.Paginate(page=2, pageSize=7)) == (2, 7, 7)


CALLS = (
    ("sandbox/echo", {"assistant_id": "7", "source": "phone-call"}),
    ("sandbox/reasoner", {"assistant_id": "7"}),
    ("openai/gpt-4o-lab-status-404", {"assistant_id": "8"}),
)


@pytest.fixture(scope="module")
def audit(caller: Caller) -> Audit:
    """A project with three calls, of which one failed."""
    found = Audit(caller, other_project(caller.service))
    for number, (model, attached) in enumerate(CALLS):
        held = credential(key="lab-key-audited-0123456789", base_url=base_url(caller.lab, "openai"))
        request = chat_request(
            model,
            requestId=f"call-{number}",
            additionalData=attached,
            credential=held,
            params={"model.id": f"catalogue/{model}"},
            connectionOptions={"connection.transport": "chat_complete"},
        )
        caller.call("Chat", request, key=found.key)
    until(lambda: found.find(("operation", "chat", "=")).paginated.totalItem == len(CALLS))
    return found


def test_records_are_told_whole(audit: Audit) -> None:
    answer = audit.find(("operation", "chat", "="))
    assert (answer.code, answer.success, answer.HasField("error")) == (200, True, False)
    assert (answer.paginated.currentPage, answer.paginated.totalItem) == (1, 3)
    failed, reasoned, echoed = answer.data
    assert [entries(one)["request_id"] for one in answer.data] == ["call-2", "call-1", "call-0"]
    assert {one.status for one in answer.data} == {"complete"}
    assert (echoed.integrationName, echoed.responseStatus) == ("sandbox", 200)
    assert echoed.assetPrefix == f"{echoed.organizationId}/{echoed.projectId}/{echoed.credentialId}"
    assert echoed.timeTaken > 0
    assert echoed.createdDate.seconds > 1_700_000_000
    kept = entries(echoed)
    assert (kept["provider_name"], kept["model_name"], kept["outcome"]) == ("sandbox", "echo", "success")
    assert (kept["assistant_id"], kept["source"]) == ("7", "phone-call")
    metrics = {one.name: one.value for one in reasoned.metrics}
    assert metrics["status"] == "SUCCESS"
    assert int(metrics["thoughts_token"]) > 0
    assert int(metrics["time_taken"]) == pytest.approx(reasoned.timeTaken, abs=1000)
    assert failed.responseStatus == 404
    assert entries(failed)["model_id"] == "catalogue/openai/gpt-4o-lab-status-404"
    assert entries(failed)["connection.transport"] == "chat_complete"
    assert "connection.transport" not in kept, "of a provider that has one way only none is chosen"
    assert (entries(failed)["outcome"], bool(entries(failed)["error_code"])) == ("failed", True)
    alone = audit.ask("GetAuditLog", id=echoed.id)
    assert (alone.code, alone.success, alone.data) == (200, True, echoed)


@pytest.mark.parametrize(
    ("criterion", "found"),
    [
        (("assistant_id", "7", "="), {0, 1}),
        (("assistant_id", "7", ""), {0, 1}),
        (("source", "phone", "contains"), {0}),
        (("model_id", "catalogue/sandbox", "contains"), {0, 1}),
        (("connection.transport", "chat_complete", "="), {2}),
        (("model_name", "reason", "like"), {1}),
        (("provider_name", "sandbox", "="), {0, 1}),
        (("integration_name", "openai", "="), {2}),
        (("response_status", "404", "="), {2}),
        (("response_status", "300", "<"), {0, 1}),
        (("time_taken", "0", ">"), {0, 1, 2}),
        (("time_taken", "3600000000000", ">="), set()),
        (("status", "complete", "="), {0, 1, 2}),
        (("status", "active", "="), set()),
        (("outcome", "failed", "="), {2}),
        (("created_date", "2000-01-01", ">="), {0, 1, 2}),
        (("created_date", "2000-01-01T00:00:00Z", "<"), set()),
        (("created_date", "9999999999", "<="), {0, 1, 2}),
        (("asset_prefix", "/", "contains"), {0, 1, 2}),
        (("assistant_id", "' OR '1'='1", "="), set()),
    ],
)
def test_records_are_found_by_criteria(
    audit: Audit, criterion: tuple[str, str, str], found: set[int]
) -> None:
    answer = audit.find(("operation", "chat", "="), criterion)
    assert {entries(one)["request_id"] for one in answer.data} == {f"call-{number}" for number in found}
    assert answer.paginated.totalItem == len(found)


@pytest.mark.parametrize(
    "criterion",
    [
        ("organization_id", "1", "="),
        ("1=1) OR (1", "1", "="),
        ("provider_name", "x", "or"),
        ("provider_name", "x", ">"),
        ("response_status", "many", "="),
        ("response_status", "2", "contains"),
        ("created_date", "yesterday", ">="),
        ("created_date", "1" * 400, ">="),
        ("request", "x", "="),
    ],
)
def test_criteria_that_are_not_offered_are_refused(audit: Audit, criterion: tuple[str, str, str]) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        audit.find(criterion)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_provider_is_found_by_each_of_its_names() -> None:
    """Records that the platform's own service made have its name for the provider; ours have ours."""
    for name in ("azure-foundry", "azure-openai", "AZURE-FOUNDRY"):
        (criterion,) = criteria_of([common.Criteria(key="provider_name", value=name, logic="=")])
        assert {criterion.value, *criterion.others} >= {"azure-openai", "azure-foundry"}
    (criterion,) = criteria_of([common.Criteria(key="provider_name", value="nobody", logic="=")])
    assert (criterion.value, criterion.others) == ("nobody", ())


def test_pages(audit: Audit) -> None:
    pages = [audit.find(("operation", "chat", "="), page=page, size=2) for page in (1, 2, 3)]
    assert [len(page.data) for page in pages] == [2, 1, 0]
    assert len({one.id for page in pages for one in page.data}) == 3
    assert [page.paginated.currentPage for page in pages] == [1, 2, 3]
    assert len(audit.find(size=0).data) <= 20


def test_metadata_is_added_and_replaced(audit: Audit) -> None:
    (log,) = audit.find(("operation", "chat", "="), ("model_name", "echo", "=")).data
    for value in ("first", "second"):
        answer = audit.ask(
            "CreateMetadata", id=log.id, additionalData={"knowledge_id": value, "long": "x" * 5000}
        )
        assert (answer.code, answer.success) == (200, True)
        kept = entries(answer.data)
        assert (kept["knowledge_id"], len(kept["long"]), kept["assistant_id"]) == (value, 1000, "7")
    (found,) = audit.find(("knowledge_id", "second", "=")).data
    assert found.id == log.id


def test_metadata_may_come_before_the_record_is_stored(audit: Audit) -> None:
    request = unified.EmbeddingRequest(
        providerName="sandbox", content={0: "x"}, modelParameters=parameters("embed", {})
    )
    answer = audit.caller.call("Embedding", request, key=audit.key)
    added = audit.ask("CreateMetadata", id=answer.requestId, additionalData={"endpoint_id": "3"})
    assert added.success
    assert entries(added.data)["endpoint_id"] == "3"


def test_records_of_others_do_not_exist(audit: Audit) -> None:
    mine = audit.find().data[0]
    stranger = Audit(audit.caller, other_project(audit.caller.service))
    foreign = {"projectId": mine.projectId, "organizationId": mine.organizationId}
    assert not [one for one in stranger.find(**foreign).data if one.projectId == mine.projectId]
    for method, more in (("GetAuditLog", foreign), ("CreateMetadata", {"additionalData": {"a": "b"}})):
        told = [stranger.ask(method, id=id, **more) for id in (mine.id, 1, 2**64 - 1, 0)]
        assert {answer.SerializeToString() for answer in told} == {told[0].SerializeToString()}
        assert (told[0].code, told[0].success, told[0].HasField("data")) == (404, False, False)
        assert told[0].error.humanMessage
    assert "a" not in entries(audit.ask("GetAuditLog", id=mine.id).data)
