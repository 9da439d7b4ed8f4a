"""Every gRPC method, with no key, a wrong key, a key without the scope, another project's key."""

import re
import urllib.request
from collections.abc import Callable
from unittest.mock import MagicMock

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from integration_api.app import methods
from integration_api.proto import unified_pb2 as wire
from tests.e2e.service import Service
from tests.e2e.test_isolation import WRONG, other_project
from tests.rpc.caller import Caller, chat_request, configuration, credential, details, parameters
from tests.rpc.per_provider import CONTRACT

PUBLIC = ("grpc.",)
UNIFIED = "/integration_api.UnifiedProviderService/"
AUDIT = "/integration_api.AuditLoggingService/"
VAULT = "/vault_api.VaultService/"
VOICE = "/integration.voice.v1."
SCOPES = {
    f"{UNIFIED}Chat": "infer",
    f"{UNIFIED}StreamChat": "infer",
    f"{UNIFIED}Embedding": "infer",
    f"{UNIFIED}Reranking": "infer",
    f"{UNIFIED}VerifyCredential": "credentials:read",
    f"{AUDIT}GetAllAuditLog": "audit:read",
    f"{AUDIT}GetAuditLog": "audit:read",
    f"{AUDIT}CreateMetadata": "infer",
    f"{VOICE}SpeechToText/Transcribe": "infer",
    f"{VOICE}SpeechToText/StreamTranscribe": "infer",
    f"{VOICE}TextToSpeech/Synthesize": "infer",
    f"{VOICE}TextToSpeech/StreamSynthesize": "infer",
    f"{VOICE}TextToSpeech/ListVoices": "infer",
    **{
        f"{VOICE}Telephony/{method}": "infer"
        for method in (
            "CreateCall",
            "GetCall",
            "ListCalls",
            "HangupCall",
            "SendDtmf",
            "TransferCall",
            "ListNumbers",
            "CreateBatch",
            "GetBatch",
            "ControlBatch",
            "WatchBatch",
            "WatchCalls",
            "CreateInboundRoute",
            "ListInboundRoutes",
            "DeleteInboundRoute",
            "AttachMedia",
        )
    },
    f"{VAULT}CreateProviderCredential": "credentials:write",
    f"{VAULT}GetAllOrganizationCredential": "credentials:read",
    f"{VAULT}DeleteCredential": "credentials:write",
    f"{VAULT}GetCredential": "credentials:read",
    f"{VAULT}GetOauth2Credential": "credentials:read",
    **{
        f"/integration_api.{service}/{method}": "credentials:read"
        if method == "VerifyCredential"
        else "infer"
        for service, offered in CONTRACT.items()
        for method in offered
    },
}


def listed(caller: Caller) -> list[str]:
    """Return every method that is not public, as the service itself lists them."""
    database = ProtoReflectionDescriptorDatabase(caller.channel)
    pool = DescriptorPool(database)
    return [
        f"/{service}/{method.name}"
        for service in database.get_services()
        if not service.startswith(PUBLIC)
        for method in pool.FindServiceByName(service).methods
    ]


def code(
    caller: Caller, path: str, metadata: list[tuple[str, str]], *, opens: bool = False
) -> "tuple[grpc.StatusCode, str]":
    """Return how an empty message fares, and the reason where it is refused."""
    # A watcher without a wish watches all there is, for ever.
    seconds = 0.5 if opens and path.endswith("/WatchCalls") else 60
    call = caller.channel.stream_stream(path)(iter([b""]), metadata=metadata, timeout=seconds)
    try:
        list(call)
    except grpc.RpcError as refused:
        if refused.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return refused.code(), ""
        return refused.code(), details(refused)[1]["ErrorInfo"].reason
    return grpc.StatusCode.OK, ""


def test_every_method_is_known_here(caller: Caller) -> None:
    """What is served, what is described and what is tried here are the same methods."""
    served = {method.path: method.scope for method in methods(MagicMock())}
    guarded = {path: scope.value for path, scope in served.items() if scope is not None}
    assert guarded == SCOPES
    assert sorted(listed(caller)) == sorted(SCOPES)
    assert all(path.startswith("/grpc.") for path in served.keys() - guarded.keys())


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
    for path in listed(caller):
        assert code(caller, path, metadata) == (grpc.StatusCode.UNAUTHENTICATED, "invalid_api_key"), path
        assert web_status(caller, path, metadata) == grpc.StatusCode.UNAUTHENTICATED.value[0]


def web_status(caller: Caller, path: str, metadata: list[tuple[str, str]]) -> int:
    """Return how an empty message fares by gRPC-Web."""
    request = urllib.request.Request(
        caller.service.url + path,
        data=bytes(5),
        headers={"content-type": "application/grpc-web+proto", **dict(metadata)},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        found = re.search(rb"grpc-status: (\d+)", reply.read())
    assert found is not None
    return int(found[1])


def test_no_method_opens_to_a_key_without_its_scope(caller: Caller, service: Service) -> None:
    for scope in ("infer", "credentials:read", "credentials:write", "audit:read"):
        _, made = service.call("POST", "/v1/keys", {"name": scope, "scopes": [scope]})
        for header in (("authorization", f"Bearer {made['key']}"), ("x-api-key", made["key"])):
            for path in listed(caller):
                found, reason = code(caller, path, [header], opens=scope == SCOPES[path])
                if scope == SCOPES[path]:
                    assert found not in {
                        grpc.StatusCode.UNAUTHENTICATED,
                        grpc.StatusCode.PERMISSION_DENIED,
                    }, (path, scope)
                else:
                    assert (found, reason) == (grpc.StatusCode.PERMISSION_DENIED, "missing_scope"), path
                    assert web_status(caller, path, [header]) == found.value[0]


def test_a_method_that_is_not_there(caller: Caller) -> None:
    for path in ("/integration_api.UnifiedProviderService/Nothing", "/nothing.Here/Chat", "/x"):
        with pytest.raises(grpc.RpcError) as refused:
            caller.channel.unary_unary(path)(b"", timeout=60)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


FOREIGN: dict[str, Callable[[wire.Credential], object]] = {
    "Chat": lambda held: chat_request("openai/gpt-4o-mini", credential=held),
    "Embedding": lambda held: wire.EmbeddingRequest(
        providerName="openai",
        content={0: "x"},
        modelParameters=parameters("text-embedding-3-small", {}),
        credential=held,
    ),
    "Reranking": lambda held: wire.RerankingRequest(
        providerName="cohere",
        query="x",
        content={0: "x"},
        modelParameters=parameters("rerank-v3.5", {}),
        credential=held,
    ),
}


def test_another_projects_credential_does_not_exist(caller: Caller, service: Service) -> None:
    _, mine = service.call("GET", "/v1/credentials")
    stored = next(int(one["id"]) for one in mine["data"] if one["provider"] == "openai")
    stranger = other_project(service)
    for method, ask in FOREIGN.items():
        told = []
        for id in (stored, 1):
            with pytest.raises(grpc.RpcError) as refused:
                caller.call(method, ask(credential(id)), key=stranger)
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
    assert missing.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(missing.value)[1]["ErrorInfo"].reason == "credential_missing"
    with caller.talk(key=stranger) as talk:
        told = talk.configure("openai")
        assert (told.success, told.error.errorCode) == (False, 400)
        assert told.error.errorMessage.startswith("credential_missing: ")
