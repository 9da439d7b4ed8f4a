"""Plaintext credentials are taken out of a message's bytes before anything parses them, and leave nothing there."""

import struct
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_api.core.errors import Failure, Kind
from integration_api.core.secret import MOST_BYTES, MOST_FIELDS, Secret
from integration_api.dialects.unified_credential import take_credential
from integration_api.proto import unified_pb2 as wire
from tests.rpc.caller import configuration, credential, text, user

unhurried = settings(deadline=None)
KEY = "sk-a-key-of-nobody-0123456789"


def message(**value: Any) -> bytearray:
    held = wire.Credential(id=7)
    if value:
        held.value.update(value)
    request = wire.ChatRequest(
        requestId="r",
        providerName="openai",
        conversations=[user("hello")],
        modelParameters={"model.name": text("gpt-4o")},
        credential=held,
    )
    return bytearray(request.SerializeToString())


def revealed(taken: dict[str, Secret]) -> dict[str, bytes]:
    found = {}
    for name, secret in taken.items():
        with secret.view() as view:
            found[name] = bytes(view)
    return found


def test_fields_are_taken_and_nothing_of_them_stays() -> None:
    raw = message(key=KEY, base_url="https://example.com", number=1.5, whole=7, flag=True, none=None)
    size = len(raw)
    taken = take_credential(raw, 1)
    assert revealed(taken) == {
        "key": KEY.encode(),
        "base_url": b"https://example.com",
        "number": b"1.5",
        "whole": b"7",
        "flag": b"true",
    }
    assert len(raw) == size
    assert KEY.encode() not in raw
    assert b"example.com" not in raw
    read = wire.ChatRequest.FromString(bytes(raw))
    assert read.credential.id == 7
    assert not read.credential.HasField("value")
    assert (read.requestId, read.providerName, len(read.conversations)) == ("r", "openai", 1)
    assert "model.name" in read.modelParameters


def test_a_service_account_may_be_an_object() -> None:
    raw = message(service_account_key={"client_email": "a@b", "private_key": KEY})
    (found,) = revealed(take_credential(raw, 1)).values()
    assert b"client_email" in found
    assert KEY.encode() in found
    assert KEY.encode() not in raw


def test_the_credential_of_a_configuration() -> None:
    raw = bytearray(configuration("openai", credential=credential(key=KEY)).SerializeToString())
    assert revealed(take_credential(raw, 1, 1)) == {"key": KEY.encode()}
    assert wire.StreamChatRequest.FromString(bytes(raw)).configuration.providerName == "openai"
    assert KEY.encode() not in raw


def test_a_message_without_one_is_left_as_it_is() -> None:
    for raw in (message(), bytearray(wire.ChatRequest(providerName="openai").SerializeToString())):
        before = bytes(raw)
        assert take_credential(raw, 1) == {}
        assert raw == before


def test_the_last_of_two_counts_and_both_are_gone() -> None:
    first, second = credential(key=KEY), credential(key="sk-another-0123456789")
    parts = [first.SerializeToString(), second.SerializeToString()]
    raw = bytearray(b"".join(b"\x0a" + bytes((len(part),)) + part for part in parts))
    assert revealed(take_credential(raw, 1)) == {"key": b"sk-another-0123456789"}
    assert b"sk-" not in raw


@pytest.mark.parametrize("value", [["a"], {"deep": {"deeper": "x"}}, {"listed": ["x"]}])
def test_what_no_field_can_be(value: Any) -> None:
    raw = message(first=KEY, key=value)
    with pytest.raises(Failure) as refused:
        take_credential(raw, 1)
    assert (refused.value.kind, refused.value.code) == (Kind.INVALID_REQUEST, "invalid_credential_value")
    assert KEY not in str(refused.value)


def test_a_credential_has_a_size() -> None:
    for raw in (message(key="x" * MOST_BYTES), message(**{f"f{n}": "x" for n in range(MOST_FIELDS + 1)})):
        with pytest.raises(Failure) as refused:
            take_credential(raw, 1)
        assert refused.value.param == "credential.value"


@unhurried
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=12),
        st.one_of(st.text(st.characters(codec="utf-8"), max_size=40), st.booleans(), st.floats(-1e6, 1e6)),
        max_size=6,
    )
)
def test_whatever_it_holds_is_what_a_parser_would_find(value: dict[str, Any]) -> None:
    taken = revealed(take_credential(message(**value), 1))
    expected = {}
    for name, one in value.items():
        match one:
            case bool():
                expected[name] = b"true" if one else b"false"
            case float():
                expected[name] = f"{one:.17g}".encode()
            case _:
                expected[name] = one.encode()
    assert taken == expected


@unhurried
@given(st.binary(max_size=80))
def test_noise_is_refused_or_means_what_a_parser_says(noise: bytes) -> None:
    check(bytearray(noise))


@unhurried
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_means_what_a_parser_says(at: int, byte: int) -> None:
    raw = message(key=KEY, other="x", number=2)
    raw[at % len(raw)] = byte
    check(raw)


def check(raw: bytearray) -> None:
    """Whatever is not refused: of the credential that a parser would find, nothing is left for one."""
    try:
        before = wire.ChatRequest.FromString(bytes(raw))
    except DecodeError:
        before = None
    try:
        taken = revealed(take_credential(raw, 1))
    except Failure as refused:
        assert refused.kind is Kind.INVALID_REQUEST
        return
    if before is None:
        return
    after = wire.ChatRequest.FromString(bytes(raw))
    assert not after.credential.HasField("value")
    for name, value in before.credential.value.fields.items():
        match value.WhichOneof("kind"):
            case "string_value":
                assert taken[name] == value.string_value.encode()
            case "number_value":
                assert struct.pack("<d", float(taken[name])) == struct.pack("<d", value.number_value)
