"""Logs say what is on the list and nothing else."""

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import integration_api
from integration_api.telemetry.log import FIELDS, LEVELS, Log, capture_libraries


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


def said() -> Iterator[tuple[str, int, set[str]]]:
    """Yield where the program logs, and the fields it gives."""
    for file in sorted(Path(integration_api.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and ast.unparse(node.func.value).rpartition(".")[2].strip("_") == "log"
            ):
                yield file.name, node.lineno, {keyword.arg or "**" for keyword in node.keywords}


def test_the_program_gives_only_fields_that_are_listed() -> None:
    """One that is not listed would be missing from the log without a word."""
    places = list(said())
    assert len(places) > 15
    assert [place for place in places if not place[2] <= FIELDS] == []
