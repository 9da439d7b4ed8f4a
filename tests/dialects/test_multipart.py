"""Forms with files, read back by somebody else's reader."""

from email.parser import BytesParser
from email.policy import HTTP

import pytest

from integration_api.dialects.multipart import BOUNDARY, File, form

DATA = {
    "sound": bytes(range(256)) * 3,
    "nothing": b"",
    "its own boundary": f"\r\n--{BOUNDARY}\r\nx--{BOUNDARY}-1-".encode(),
    "line ends": b"\r\n\r\n--\n",
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_a_form_is_read_back_as_it_was_written(data: bytes) -> None:
    kind, body = form(
        [("model", "ink"), ("words[]", "später")], [File("file", 'a "b"\r\nx: y.wav', "audio/wav", data)]
    )
    whole = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + body)
    model, words, file = whole.iter_parts()
    assert model.get_payload(decode=True) == b"ink"
    assert words.get_payload(decode=True).decode() == "später"
    assert file.get_payload(decode=True) == data
    assert file.get_content_type() == "audio/wav"
    assert file.get_filename() == "a %22b%22%0D%0Ax: y.wav"
    assert file["x"] is None


def test_the_same_form_is_written_the_same() -> None:
    file = File("file", "a.wav", "audio/wav", b"sound")
    assert form([("a", "b")], [file]) == form([("a", "b")], [file])
