"""docs/rapida.md: each of the 56 rows is there once and names tests that there are; its settings are settings."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from integration_api.settings import PLATFORM_ONLY, Settings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/rapida.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the names of a file's tests, as pytest would find them."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, functions) and node.name.startswith("test_")
    )


def test_every_row_is_there_once() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 57))


@pytest.mark.parametrize(("number", "there", "here", "tests"), ROWS, ids=[row[0] for row in ROWS])
def test_its_tests_are_there(number: str, there: str, here: str, tests: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", tests)
    assert named
    assert "<br>".join(f"`{path}::{name}`" for path, name in named) == tests
    for path, name in named:
        assert name in names_in(ROOT / "tests" / path), f"{path}::{name}"


def test_settings_that_it_names_are_settings() -> None:
    flat = {name.upper() for name in Settings.__struct_fields__}
    named = set(re.findall(r"`([A-Z]+__[A-Z_]+|[A-Z]+_[A-Z_]+)(?:=[^`]*)?`", PAGE))
    assert "PLATFORM__STRICT_SERVICE_TOKENS" in named
    for name in named - {"PLATFORM_VAULT_URL", "ENV_PATH"}:
        group, nested, field = name.lower().partition("__")
        if nested and group not in PLATFORM_ONLY:
            assert field == "slc_cache" or field in getattr(Settings(), group).__struct_fields__, name
        elif not nested:
            assert name in flat or name.lower() in PLATFORM_ONLY, name
