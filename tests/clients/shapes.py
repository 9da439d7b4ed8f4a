"""What messages are on the wire: theirs, as their stubs describe them, and ours, as reflection does."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

from tests.e2e.service import ROOT

OURS = 1001
"""Fields from here on are what we add to the platform's messages; its stubs keep them unread."""


def shape(message: Descriptor, seen: tuple[str, ...] = ()) -> dict[object, object]:
    """Return what a message is on the wire, and what its JSON calls things."""
    if message.full_name in seen or message.file.package == "google.protobuf":
        return {"name": message.name}
    return {
        field.number: (
            field.name,
            field.type,
            field.is_repeated,
            field.has_presence,
            field.containing_oneof.name if field.containing_oneof else None,
            shape(field.message_type, (*seen, message.full_name))
            if field.type == FieldDescriptor.TYPE_MESSAGE
            else None,
        )
        for field in message.fields
        if field.number < OURS
    }


def assert_same(theirs: ServiceDescriptor) -> None:
    """Compare every method of a service, its messages field by field."""
    pool = DescriptorPool()
    bundle = FileDescriptorSet.FromString((ROOT / "src/integration_api/proto/services.binpb").read_bytes())
    for file in bundle.file:
        pool.Add(file)
    ours = pool.FindServiceByName(theirs.full_name)
    assert [method.name for method in ours.methods] == [method.name for method in theirs.methods]
    for method in theirs.methods:
        mine = ours.methods_by_name[method.name]
        assert (mine.client_streaming, mine.server_streaming) == (
            method.client_streaming,
            method.server_streaming,
        )
        assert shape(mine.input_type) == shape(method.input_type), method.full_name
        assert shape(mine.output_type) == shape(method.output_type), method.full_name
