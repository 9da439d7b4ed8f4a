"""Header blocks, held against the reference implementation of HPACK."""

import hpack
import pytest
from hpack.exceptions import HPACKError
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_api.http2.fields import FieldReader, write_field, write_fields, write_status
from integration_api.http2.frames import ConnectionFault, ErrorCode

ROOM = 1 << 20
unhurried = settings(deadline=None)
NAMES = st.sampled_from(
    [b":path", b":authority", b"te", b"x-api-key", b"cookie", b"x-" + b"n" * 200]
) | st.from_regex(rb"[a-z0-9-]{1,20}", fullmatch=True)
VALUES = st.binary(max_size=60).filter(lambda value: not set(value) & set(b"\0\r\n")) | st.sampled_from(
    [b"", b"/", b"v" * 5_000]
)
BLOCKS = st.lists(
    st.tuples(
        st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=12),
        st.booleans(),
        st.none() | st.integers(0, 4096),
    ),
    max_size=6,
)


@unhurried
@given(BLOCKS)
def test_what_the_reference_encodes_is_read_alike(blocks):
    encoder = hpack.Encoder()
    ours, theirs = FieldReader(ROOM), hpack.Decoder(ROOM)
    for fields, huffman, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        block = encoder.encode([(name, value, secret) for name, value, secret in fields], huffman=huffman)
        read, cut = ours.read(block)
        assert not cut
        assert read == [tuple(field) for field in theirs.decode(block, raw=True)]
        assert read == [(name, value) for name, value, _ in fields]


@unhurried
@given(st.lists(st.binary(max_size=80), max_size=4))
def test_random_bytes_are_read_as_the_reference_reads_them_or_refused(blocks):
    ours, theirs = FieldReader(ROOM), hpack.Decoder(ROOM)
    for block in blocks:
        try:
            read, _ = ours.read(block)
        except ConnectionFault as fault:
            # The reference reads numbers of any length.
            if fault.code is ErrorCode.COMPRESSION_ERROR and "number" not in fault.message:
                with pytest.raises(HPACKError):
                    theirs.decode(block, raw=True)
            return
        assert read == [tuple(field) for field in theirs.decode(block, raw=True)]


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",  # index 0
        b"\xbe",  # an index beyond the table
        b"\x7f\x80\x80\x80\x80\x80\x80\x01",  # a number without an end
        b"\x00\x05ab",  # cut short
        b"\x00",
        b"\x40\x01a",
        b"\x82\x3f\x00",  # a table size in mid-block
        b"\x3f\xe2\x1f",  # a table of 4097 bytes
        b"\x00\x81\xff\x01a",  # not Huffman
    ],
)
def test_garbled_blocks_end_the_connection(block):
    with pytest.raises(ConnectionFault) as fault:
        FieldReader(ROOM).read(block)
    assert fault.value.code is ErrorCode.COMPRESSION_ERROR


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"X-Upper", b"v"),
        (b"", b"v"),
        (b"a b", b"v"),
        (b":new", b"v"),
        (b"x\n", b"v"),
        (b"x", b"a\r\nb"),
        (b"x", b"\0"),
    ],
)
def test_fields_that_no_message_may_hold_end_the_connection(name, value):
    block = bytes((0x40, len(name))) + name + bytes((len(value),)) + value
    with pytest.raises(ConnectionFault) as fault:
        FieldReader(ROOM).read(block)
    assert fault.value.code is ErrorCode.PROTOCOL_ERROR


def test_a_list_that_is_too_large_is_cut_and_the_table_stays_in_step():
    encoder, reader = hpack.Encoder(), FieldReader(200)
    read, cut = reader.read(encoder.encode([(b"x-one", b"1" * 100), (b"x-two", b"2" * 100)]))
    assert cut
    assert read == [(b"x-one", b"1" * 100)]
    assert reader.read(encoder.encode([(b"x-two", b"2" * 100)])) == ([(b"x-two", b"2" * 100)], False)


def test_a_bomb_ends_the_connection_early():
    bomb = b"\x40\x01x\x7f\xd1\x1e" + b"v" * 4_000 + b"\xbe" * 16_000
    with pytest.raises(ConnectionFault) as fault:
        FieldReader(16_384).read(bomb)
    assert fault.value.code is ErrorCode.ENHANCE_YOUR_CALM


@unhurried
@given(st.integers(100, 999), st.lists(st.tuples(st.from_regex(rb"[a-z0-9-]{1,20}", fullmatch=True), VALUES)))
def test_what_we_write_the_reference_reads_and_remembers_nothing_of(status, fields):
    decoder = hpack.Decoder(ROOM)
    read = [tuple(field) for field in decoder.decode(write_status(status) + write_fields(fields), raw=True)]
    assert read == [(b":status", b"%d" % status), *fields]
    assert not decoder.header_table.dynamic_entries


def test_secrets_are_written_so_that_nobody_may_index_them():
    for name in (b"authorization", b"set-cookie", b"x-api-key"):
        (read,) = hpack.Decoder().decode(write_field(name, b"secret"), raw=True)
        assert not read.indexable
    assert write_field(b"X-Mixed", b"v") == write_field(b"x-mixed", b"v")


@pytest.mark.parametrize(("name", "value"), [(b"x", b"a\r\nb"), (b"x", b"\0"), (b"a b", b""), (b"", b"")])
def test_a_bad_field_is_never_written(name, value):
    with pytest.raises(ValueError, match="response header"):
        write_field(name, value)
