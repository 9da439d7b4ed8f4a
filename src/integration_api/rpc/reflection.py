"""grpc.reflection.v1 and v1alpha: what there is to call, for clients that bring no stubs.

https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Iterator
from importlib.resources import files

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

from integration_api.edge.application import Status
from integration_api.proto import reflection_pb2 as wire
from integration_api.rpc.methods import Ask, RpcMethod
from integration_api.rpc.reading import parsed

VERSIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


class Descriptors:
    """The files that describe our services, by name and by what they define."""

    def __init__(self, bundle: bytes) -> None:
        self._files: dict[str, FileDescriptorProto] = {}
        self._places: dict[str, str] = {}
        self._messages: set[str] = set()
        for file in FileDescriptorSet.FromString(bundle).file:
            self._files[file.name] = file
            scope = f"{file.package}." if file.package else ""
            for service in file.service:
                self._places[scope + service.name] = file.name
                for method in service.method:
                    self._places[f"{scope}{service.name}.{method.name}"] = file.name
            for symbol, message in _symbols(scope, file):
                self._places[symbol] = file.name
                if message:
                    self._messages.add(symbol)

    @classmethod
    def load(cls) -> "Descriptors":
        return cls(files("integration_api.proto").joinpath("services.binpb").read_bytes())

    def file(self, name: str) -> list[bytes] | None:
        """Return a file and, after it, all that it needs; None when there is none of that name."""
        if name not in self._files:
            return None
        found: dict[str, bytes] = {}
        self._gather(name, found)
        return list(found.values())

    def containing(self, symbol: str) -> list[bytes] | None:
        place = self._places.get(symbol.removeprefix("."))
        return None if place is None else self.file(place)

    def is_message(self, name: str) -> bool:
        return name in self._messages

    def _gather(self, name: str, found: dict[str, bytes]) -> None:
        if name not in found:
            file = self._files[name]
            found[name] = file.SerializeToString()
            for needed in file.dependency:
                self._gather(needed, found)


def _symbols(scope: str, file: FileDescriptorProto) -> Iterator[tuple[str, bool]]:
    for message in file.message_type:
        yield from _nested(scope, message)
    for enum in file.enum_type:
        yield scope + enum.name, False


def _nested(scope: str, message: DescriptorProto) -> Iterator[tuple[str, bool]]:
    name = scope + message.name
    yield name, True
    for inner in message.nested_type:
        yield from _nested(f"{name}.", inner)
    for enum in message.enum_type:
        yield f"{name}.{enum.name}", False
    for field in message.field:
        yield f"{name}.{field.name}", False


class ReflectionDoor:
    def __init__(self, descriptors: Descriptors, services: Collection[str]) -> None:
        self._descriptors = descriptors
        self._services = sorted({*services, *VERSIONS})

    async def info(self, ask: Ask, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        """Answer each question with one message; what is not there is an answer, too."""
        async for message in messages:
            request = parsed(message, wire.ServerReflectionRequest)
            response = wire.ServerReflectionResponse(valid_host=request.host, original_request=request)
            self._answer(request, response)
            yield response.SerializeToString()

    def _answer(self, request: wire.ServerReflectionRequest, response: wire.ServerReflectionResponse) -> None:
        descriptors = self._descriptors
        found: list[bytes] | None = None
        match request.WhichOneof("message_request"):
            case "list_services":
                response.list_services_response.service.extend(
                    wire.ServiceResponse(name=name) for name in self._services
                )
                return
            case "all_extension_numbers_of_type" if descriptors.is_message(
                request.all_extension_numbers_of_type
            ):
                response.all_extension_numbers_response.base_type_name = request.all_extension_numbers_of_type
                return
            case "file_by_filename":
                found = descriptors.file(request.file_by_filename)
            case "file_containing_symbol":
                found = descriptors.containing(request.file_containing_symbol)
            case _:
                pass
        if found is None:
            response.error_response.error_code = Status.NOT_FOUND
            response.error_response.error_message = "there is nothing of that name here"
        else:
            response.file_descriptor_response.file_descriptor_proto.extend(found)

    def methods(self) -> list[RpcMethod]:
        return [
            RpcMethod(service=service, name="ServerReflectionInfo", scope=None, stream=self.info)
            for service in VERSIONS
        ]


def services_of(methods: Iterable[RpcMethod]) -> list[str]:
    return sorted({method.service for method in methods})
