"""Every message and field number of src/formats/proto/tensorflow.proto against TensorFlow's own descriptors."""

import pathlib
import subprocess

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FieldDescriptor as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTO = ROOT / "src" / "formats" / "proto" / "tensorflow.proto"
OWN_MESSAGES = {"tensorflow.BoolValue": "google.protobuf.BoolValue"}
OWN_FIELDS = {(f"tensorflow.{m}", n) for m in ("TensorProto", "FunctionDef") for n in (1000, 1001)}


def load_tensorflow():
    from tensorflow.core.example import example_pb2  # noqa: F401
    from tensorflow.core.framework import graph_pb2, summary_pb2, tensor_slice_pb2  # noqa: F401
    from tensorflow.core.protobuf import saved_model_pb2, tensor_bundle_pb2  # noqa: F401
    from tensorflow.core.util import event_pb2  # noqa: F401
    from google.protobuf import wrappers_pb2  # noqa: F401


def messages(file):
    stack = [(file.package + "." + m.name, m) for m in file.message_type]
    while stack:
        name, message = stack.pop()
        yield name, message
        stack += [(name + "." + n.name, n) for n in message.nested_type]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    load_tensorflow()
    out = tmp_path_factory.mktemp("proto") / "tensorflow.desc"
    subprocess.run(["protoc-c", f"-I{PROTO.parent}", f"--descriptor_set_out={out}", PROTO.name], check=True)
    files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.Default()
    return [
        (name, message, pool.FindMessageTypeByName(OWN_MESSAGES.get(name, name)))
        for name, message in messages(files.file[0])
    ]


def wire_kind(field_type):
    # An enum is written as an int32: the same varint.
    return F.TYPE_INT32 if field_type == F.TYPE_ENUM else field_type


def test_every_field_has_tensorflows_number_type_and_label(pairs):
    seen = 0
    for name, ours, theirs in pairs:
        assert ours.options.map_entry == theirs.GetOptions().map_entry, name
        for field in ours.field:
            if (name, field.number) in OWN_FIELDS:
                assert field.number not in theirs.fields_by_number
                continue
            other = theirs.fields_by_number.get(field.number)
            where = f"{name}.{field.name} = {field.number}"
            assert other is not None, where
            assert field.name == other.name, where
            assert wire_kind(field.type) == wire_kind(other.type), where
            repeated = getattr(other, "is_repeated", None)
            if repeated is None:
                repeated = other.label == F.LABEL_REPEATED
            assert (field.label == F.LABEL_REPEATED) == repeated, where
            if field.type == F.TYPE_MESSAGE:
                own = field.type_name.lstrip(".")
                assert OWN_MESSAGES.get(own, own) == other.message_type.full_name, where
            assert field.HasField("oneof_index") == (other.containing_oneof is not None), where
            seen += 1
    assert seen > 200


def test_messages_are_those_that_are_needed(pairs):
    names = {name for name, _, _ in pairs}
    for name in (
        "SavedModel",
        "GraphDef",
        "SavedObjectGraph",
        "TrackableObjectGraph",
        "BundleEntryProto",
        "Event",
        "Example",
        "StructuredValue",
    ):
        assert "tensorflow." + name in names
