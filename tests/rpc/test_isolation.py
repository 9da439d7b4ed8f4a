"""Every gRPC method, with no key, a wrong key, a key without the scope, another project's key."""

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from integration_api.proto import unified_pb2 as wire
from tests.e2e.service import Service
from tests.e2e.test_isolation import WRONG, other_project
from tests.rpc.caller import Caller, chat_request, configuration, credential, details

PUBLIC = ("grpc.",)
SCOPES = {
    "Chat": "infer",
    "StreamChat": "infer",
    "Embedding": "infer",
    "Reranking": "infer",
    "VerifyCredential": "credentials:write",
}


def methods(caller: Caller) -> list[tuple[str, str]]:
    """Return path and name of every method that is not public, as the service itself lists them."""
    database = ProtoReflectionDescriptorDatabase(caller.channel)
    pool = DescriptorPool(database)
    return [
        (f"/{service}/{method.name}", method.name)
        for service in database.get_services()
        if not service.startswith(PUBLIC)
        for method in pool.FindServiceByName(service).methods
    ]


def code(caller: Caller, path: str, metadata: list[tuple[str, str]]) -> "tuple[grpc.StatusCode, str]":
    """Return how an empty message fares, and the reason where it is refused."""
    call = caller.channel.stream_stream(path)(iter([b""]), metadata=metadata, timeout=5)
    try:
        list(call)
    except grpc.RpcError as refused:
        return refused.code(), details(refused)[1]["ErrorInfo"].reason
    return grpc.StatusCode.OK, ""


def test_every_method_is_known_here(caller: Caller) -> None:
    assert {name for _, name in methods(caller)} == set(SCOPES)


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("authorization", f"Bearer {WRONG}")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer iak_")],
        [("x-api-key", WRONG)],
        [("x-api-key", "")],
        [("x-api-key", WRONG), ("authorization", "Bearer iak_other")],
    ],
    ids=["none", "wrong", "scheme", "prefix", "x-api-key", "empty", "two"],
)
def test_no_method_opens_without_a_key_of_ours(caller: Caller, metadata: list[tuple[str, str]]) -> None:
    for path, _ in methods(caller):
        assert code(caller, path, metadata) == (grpc.StatusCode.UNAUTHENTICATED, "invalid_api_key"), path


def test_no_method_opens_to_a_key_without_its_scope(caller: Caller, service: Service) -> None:
    for scope in ("infer", "credentials:read", "credentials:write", "audit:read"):
        _, made = service.call("POST", "/v1/keys", {"name": scope, "scopes": [scope]})
        for header in (("authorization", f"Bearer {made['key']}"), ("x-api-key", made["key"])):
            for path, name in methods(caller):
                found, reason = code(caller, path, [header])
                if scope == SCOPES[name]:
                    assert found not in {
                        grpc.StatusCode.UNAUTHENTICATED,
                        grpc.StatusCode.PERMISSION_DENIED,
                    }, (path, scope)
                else:
                    assert (found, reason) == (grpc.StatusCode.PERMISSION_DENIED, "missing_scope"), path


def test_a_method_that_is_not_there(caller: Caller) -> None:
    for path in ("/integration_api.UnifiedProviderService/Nothing", "/nothing.Here/Chat", "/x"):
        with pytest.raises(grpc.RpcError) as refused:
            caller.channel.unary_unary(path)(b"", timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_another_projects_credential_does_not_exist(caller: Caller, service: Service) -> None:
    _, mine = service.call("GET", "/v1/credentials")
    stored = next(int(one["id"]) for one in mine["data"] if one["provider"] == "openai")
    stranger = other_project(service)
    told = []
    for id in (stored, 1):
        with pytest.raises(grpc.RpcError) as refused:
            caller.call("Chat", chat_request("openai/gpt-4o-mini", credential=credential(id)), key=stranger)
        told.append((refused.value.code(), refused.value.details()))
    assert told[0] == told[1]
    assert told[0][0] is grpc.StatusCode.NOT_FOUND
    with caller.talk(key=stranger) as talk:
        frames = []
        for id in (stored, 1):
            talk.send(configuration("openai", credential=credential(id)))
            frames.append(talk.next().configuration)
        assert frames[0] == frames[1]
        assert not frames[0].success
    verified = [
        caller.call(
            "VerifyCredential",
            wire.VerifyCredentialRequest(providerName="openai", credential=credential(id)),
            key=stranger,
        )
        for id in (stored, 1)
    ]
    assert verified[0] == verified[1]
    assert verified[0].code == 404
    with pytest.raises(grpc.RpcError) as missing:  # Nor is it the stranger's default.
        caller.call("Chat", chat_request("openai/gpt-4o-mini"), key=stranger)
    assert details(missing.value)[1]["ErrorInfo"].reason == "credential_missing"
