"""Logs say what is on the list and nothing else."""

import io
import json
import logging

import pytest

from integration_api.telemetry.log import Log, capture_libraries


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_fields_that_are_not_listed_are_not_written() -> None:
    out = io.StringIO()
    Log("debug", out).info(
        "http", status=200, authorization="Bearer hush", body="hush", headers={"x": "hush"}
    )
    (line,) = lines(out)
    assert (line["event"], line["status"], line["level"]) == ("http", 200, "info")
    assert "hush" not in out.getvalue()


def test_an_exception_is_its_type_and_never_its_text() -> None:
    out = io.StringIO()
    Log("debug", out).error("unexpected", error=ValueError("hush"))
    assert lines(out)[0]["error"] == "ValueError"
    assert "hush" not in out.getvalue()


def test_levels_below_the_chosen_one_are_silent() -> None:
    out = io.StringIO()
    log = Log("warning", out)
    log.info("ready")
    log.warning("worker_died")
    assert [line["event"] for line in lines(out)] == ["worker_died"]
    assert not log.enabled("info")


@pytest.mark.parametrize("evil", ["a\nb", "a\r\n{}", "\x1b[2J", "\u202edrow", "\x85next", "\u2066iso"])
def test_control_and_bidirectional_characters_are_escaped(evil: str) -> None:
    out = io.StringIO()
    Log("debug", out).info("http", path=evil)
    written = out.getvalue()
    assert written.count("\n") == 1
    assert lines(out)[0]["path"] == evil
    assert all(" " <= char <= "~" or char == "\n" for char in written)


def test_other_libraries_are_heard_without_their_words() -> None:
    out = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        capture_libraries(Log("debug", out))
        logging.getLogger("some.client").error("key=%s", "hush")
        logging.getLogger("some.client").info("key=%s", "hush")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    (line,) = lines(out)
    assert line["logger"] == "some.client"
    assert "hush" not in out.getvalue()
