"""Health and reflection, by the clients that grpcio's own packages bring."""

import threading

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.e2e.service import Service, running
from tests.rpc.caller import Caller, chat_request, details, signed
from tests.rpc.test_stream_chat import signed_admin

UNIFIED = "integration_api.UnifiedProviderService"
SERVICES = {
    UNIFIED,
    "integration_api.AuditLoggingService",
    "vault_api.VaultService",
    "integration.voice.v1.SpeechToText",
    "integration.voice.v1.TextToSpeech",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}


def test_every_service_is_listed_and_described(caller: Caller) -> None:
    database = ProtoReflectionDescriptorDatabase(caller.channel)
    assert set(database.get_services()) >= SERVICES
    pool = DescriptorPool(database)
    for name in database.get_services():
        service = pool.FindServiceByName(name)
        assert service.methods
        for method in service.methods:
            assert pool.FindMethodByName(f"{name}.{method.name}").input_type is method.input_type


def test_the_details_of_a_status_are_described(caller: Caller) -> None:
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(caller.channel))
    with pytest.raises(grpc.RpcError) as refused:
        caller.call("Chat", chat_request("nobody/x"))
    status, _ = details(refused.value)
    (detail,) = status.details
    told = GetMessageClass(pool.FindMessageTypeByName(detail.type_url.rpartition("/")[2]))
    assert told.FromString(detail.value).reason == "unknown_provider"


def test_a_call_can_be_made_from_reflection_alone(caller: Caller) -> None:
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(caller.channel))
    method = pool.FindServiceByName(UNIFIED).methods_by_name["Chat"]
    asked, answered = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    request = asked.FromString(chat_request("sandbox/echo").SerializeToString())
    stub = caller.channel.unary_unary(f"/{UNIFIED}/Chat", asked.SerializeToString, answered.FromString)
    assert stub(request, metadata=signed_admin(), timeout=60).data.assistant.contents == [
        "You said: Say hello"
    ]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_questions_with_no_answer_are_answered(caller: Caller, version: str) -> None:
    asked = [
        reflection_pb2.ServerReflectionRequest(file_by_filename="nothing.proto"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="nothing.Here"),
        reflection_pb2.ServerReflectionRequest(
            file_containing_extension=reflection_pb2.ExtensionRequest(containing_type="x", extension_number=1)
        ),
        reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="nothing.Here"),
        reflection_pb2.ServerReflectionRequest(),
        reflection_pb2.ServerReflectionRequest(
            all_extension_numbers_of_type="integration.unified.ChatRequest"
        ),
    ]
    stub = caller.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    answers = list(stub(iter(asked), timeout=60))
    assert [answer.error_response.error_code for answer in answers[:5]] == [5] * 5
    assert answers[5].all_extension_numbers_response.base_type_name == "integration.unified.ChatRequest"
    assert [answer.original_request for answer in answers] == asked


def test_the_file_that_was_asked_for_comes_first(caller: Caller) -> None:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    stub = reflection_pb2_grpc.ServerReflectionStub(caller.channel)
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=UNIFIED)
    (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=60)
    files = [
        FileDescriptorProto.FromString(file) for file in answer.file_descriptor_response.file_descriptor_proto
    ]
    assert files[0].service[0].name == "UnifiedProviderService"
    names = {file.name for file in files}
    assert all(needed in names for file in files for needed in file.dependency)


def test_health_is_readiness(caller: Caller) -> None:
    stub = health_pb2_grpc.HealthStub(caller.channel)
    for service in ("", UNIFIED):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as unknown:
        stub.Check(health_pb2.HealthCheckRequest(service="nothing.Here"), timeout=60)
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    watched = stub.Watch(health_pb2.HealthCheckRequest(service="nothing.Here"), timeout=60)
    assert next(watched).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watched.cancel()


def test_a_watcher_hears_that_the_service_goes_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        running(tmp_path_factory.mktemp("going")) as service,
        grpc.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        code: list[int] = []
        stopping = threading.Thread(target=lambda: code.append(service.stop()))
        stopping.start()
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert list(watched) == []
        stopping.join()
        assert code == [0]


def test_public_methods_are_these_alone(service: Service, caller: Caller) -> None:
    """The rest of the methods is refused without a key: see test_isolation."""
    database = ProtoReflectionDescriptorDatabase(caller.channel)
    pool = DescriptorPool(database)
    public = set()
    for name in database.get_services():
        for method in pool.FindServiceByName(name).methods:
            stub = caller.channel.stream_stream(f"/{name}/{method.name}")
            call = stub(iter([b""]), metadata=signed(None), timeout=60)
            try:
                next(call, None)
            except grpc.RpcError as refused:
                if refused.code() is grpc.StatusCode.UNAUTHENTICATED:
                    continue
            call.cancel()
            public.add(f"{name}/{method.name}")
    assert public == {
        "grpc.health.v1.Health/Check",
        "grpc.health.v1.Health/Watch",
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    }
