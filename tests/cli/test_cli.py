"""The command line, as an operator sees it: processes with arguments, a terminal or a pipe, and an exit code."""

import asyncio
import base64
import contextlib
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from integration_api.cli import main
from tests.cli.commands import Commands
from tests.e2e.conftest import base_url
from tests.e2e.service import Service, postgres_settings, python, redis_settings, running
from tests.ports import free_port
from tests.servers import database, postgres_server, redis_server
from tests.services.web_api import WebApi, playing

PROMISED = {
    "serve",
    "keys",
    "credentials",
    "providers",
    "rotate-keys",
    "doctor",
    "import-vault",
    "migrate",
    "lab",
    "say",
    "transcribe",
}


def commands_below(command: click.Command, path: str = "") -> Iterator[str]:
    """Name a command and all that are below it, as they are typed."""
    yield path
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from commands_below(one, f"{path} {name}".strip())


KEY = "lab-key-of-the-command-line-0123456789"
COLOUR = "\x1b["


@pytest.fixture(scope="module", params=["sqlite", "postgres and redis"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service at work, for commands beside it."""
    with contextlib.ExitStack() as stack:
        environ: dict[str, str] = {}
        if request.param != "sqlite":
            environ = postgres_settings(stack.enter_context(database(postgres_server())))
            environ |= redis_settings(redis_server())
        yield stack.enter_context(running(tmp_path_factory.mktemp("cli"), **environ))


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as ready:
        yield ready


@pytest.fixture
def fresh(tmp_path: Path) -> Service:
    """Where nothing has been started yet."""
    return Service(tmp_path)


def refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """Return the one line that a command says when it can not be done."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


# --- help and looks -----------------------------------------------------------------------------


def test_every_command_has_help_that_names_its_options(commands: Commands, fresh: Service) -> None:
    for command in commands_below(main):
        for flag in ("--help", "-h"):
            shown = commands.run(fresh, *command.split(), flag)
            assert shown.returncode == 0, command
            assert "Usage:" in shown.stdout
            assert "--help" in shown.stdout
            words = shown.stdout.partition("\n\n")[2].strip()
            assert words, f"{command} does not say what it does"
            assert not words.startswith("Options:"), f"{command} does not say what it does"


def test_help_lists_the_commands_and_a_wrong_one_is_said_to_be(commands: Commands, fresh: Service) -> None:
    shown = commands.run(fresh, "--help")
    assert shown.returncode == 0
    listed = re.findall(r"^  ([a-z-]+)  ", shown.stdout.partition("Commands:")[2], re.MULTILINE)
    assert set(listed) >= PROMISED
    wrong = commands.run(fresh, "rotate")
    assert wrong.returncode == 2
    assert "No such command 'rotate'" in wrong.stderr


def test_colours_are_for_terminals(commands: Commands, fresh: Service) -> None:
    code, seen = commands.on_terminal(fresh, "providers")
    assert code == 0
    assert COLOUR in seen
    assert "anthropic" in seen
    piped = commands.run(fresh, "providers")
    assert COLOUR not in piped.stdout
    assert "anthropic" in piped.stdout
    _, plain = commands.on_terminal(fresh, "providers", NO_COLOR="1")
    assert "\x1b[3" not in plain


def test_the_program_that_is_installed_is_the_same(commands: Commands, fresh: Service) -> None:
    program = Path(python()).parent / "integration-api"
    done = subprocess.run(
        [program, "--version"], capture_output=True, text=True, env=fresh.settings(), check=True
    )
    assert done.stdout == commands.run(fresh, "--version").stdout
    assert re.fullmatch(r"integration-api, version \d+\.\d+\.\d+\n", done.stdout)


def test_the_lab_serves_where_it_is_told(fresh: Service) -> None:
    port = free_port()
    process = subprocess.Popen(
        [python(), "-m", "integration_api", "lab", "--port", str(port)], env=fresh.settings(),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in line
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_lab/requests", timeout=60) as reply:
            assert reply.status == 200
    finally:
        process.kill()
        process.communicate()


# --- keys ---------------------------------------------------------------------------------------


def test_a_key_is_shown_once_works_at_once_and_is_revoked_everywhere(
    commands: Commands, service: Service
) -> None:
    made = commands.run(
        service, "keys", "create", "--name", "from [the] shell", "--scope", "infer", "--scope", "audit:read"
    )
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert re.fullmatch(r"iak_\S{32,}", key), "what a pipe gets is the key and nothing else"
    id, scopes = re.findall(r"^key (\d+) with scope ([^;]+);", made.stderr)[0]
    assert scopes == "audit:read, infer"
    assert service.call("GET", "/v1/providers", key=key)[0] == 200
    assert service.call("GET", "/v1/credentials", key=key)[0] == 403
    listed = commands.run(service, "keys", "list").stdout
    assert key not in listed
    assert re.search(rf"{id} +from \[the\] shell .* live", listed)
    assert commands.run(service, "keys", "revoke", id).returncode == 0
    until = time.monotonic() + 60
    while service.call("GET", "/v1/providers", key=key)[0] != 401:
        assert time.monotonic() < until
    assert re.search(rf"{id} .* revoked", commands.run(service, "keys", "list").stdout)
    assert "there is no such key" in refusal(commands.run(service, "keys", "revoke", "17"))


def test_scopes_that_there_are_not_are_refused(commands: Commands, fresh: Service) -> None:
    done = commands.run(fresh, "keys", "create", "--name", "x", "--scope", "everything")
    assert done.returncode == 2
    assert "'everything' is not one of 'infer', 'credentials:read'" in done.stderr


# --- credentials --------------------------------------------------------------------------------


def test_a_credential_is_verified_stored_used_and_deleted(
    commands: Commands, service: Service, lab: str
) -> None:
    field = f"base_url={base_url(lab, 'openai')}"
    made = commands.run(
        service, "credentials", "add", "openai", "--name", "shell", "--field", field, said=f"{KEY}\n"
    )
    assert made.returncode == 0, made.stderr
    id = re.findall(r"^credential (\d+) for openai is stored \(valid\)$", made.stdout)[0]
    listed = commands.run(service, "credentials", "list").stdout
    assert KEY not in listed
    assert "key=…6789" in listed
    status, _ = service.call(
        "POST", "/v1/chat/completions", {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "x"}]},
        headers={"x-credential-id": id},
    )  # fmt: skip
    assert status == 200
    assert commands.run(service, "credentials", "verify", id).stdout == f"openai accepts credential {id}\n"
    kept = commands.run(service, "credentials", "delete", id, said="n\n")
    assert kept.returncode == 1
    assert id in commands.run(service, "credentials", "list").stdout
    assert commands.run(service, "credentials", "delete", id, said="y\n").returncode == 0
    assert service.call("GET", f"/v1/credentials/{id}")[0] == 404
    operations = [
        (record["operation"], record["credential_id"])
        for record in service.call("GET", "/v1/audit?provider=openai")[1]["data"]
    ]
    assert operations == [
        ("credential.delete", id), ("verify", id), ("chat", id), ("credential.create", id), ("verify", None),
    ]  # fmt: skip


def test_what_the_provider_refuses_is_not_stored(commands: Commands, service: Service, lab: str) -> None:
    field = f"base_url={base_url(lab, 'openai')}"
    before = commands.run(service, "credentials", "list").stdout
    bad = "lab-invalid-key-0123456789"
    line = refusal(commands.run(service, "credentials", "add", "openai", "--field", field, said=f"{bad}\n"))
    assert "OpenAI refused the credential" in line
    assert bad not in line
    assert commands.run(service, "credentials", "list").stdout == before
    unchecked = commands.run(
        service,
        "credentials",
        "add",
        "openai",
        "--name",
        "u",
        "--no-verify",
        "--field",
        field,
        said=f"{bad}\n",
    )
    assert "is stored (unverified)" in unchecked.stdout
    id = unchecked.stdout.split()[1]
    assert "OpenAI refused the credential" in refusal(commands.run(service, "credentials", "verify", id))
    assert commands.run(service, "credentials", "delete", id, "--yes").returncode == 0


def test_on_a_terminal_the_key_is_asked_for_and_not_shown(
    commands: Commands, service: Service, lab: str
) -> None:
    code, seen = commands.on_terminal(
        service, "credentials", "add", "openai", "--name", "typed", "--field", f"base_url={base_url(lab, 'openai')}",
        said=f"{KEY}\n",
    )  # fmt: skip
    assert code == 0, seen
    assert seen.startswith("key: ")
    assert "is stored (valid)" in seen
    assert KEY not in seen


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["credentials", "add", "nobody"], "there is no provider named 'nobody'"),
        (["credentials", "add", "openai", "--field", "base_url"], "--field takes NAME=VALUE, not 'base_url'"),
        (["credentials", "add", "openai"], "key"),
        (["credentials", "verify", "17"], "there is no such credential"),
    ],
    ids=["provider", "field", "no key", "no credential"],
)
def test_what_is_wrong_is_said_in_one_line(
    commands: Commands, service: Service, arguments: list[str], said: str
) -> None:
    assert said in refusal(commands.run(service, *arguments))


# --- before the first start, and when something is wrong ------------------------------------------


def test_before_the_first_start_there_is_no_project(commands: Commands, fresh: Service) -> None:
    assert "start the service once" in refusal(commands.run(fresh, "keys", "list"))


def test_migrate_makes_the_tables_and_again_does_nothing(commands: Commands, fresh: Service) -> None:
    with database(postgres_server()) as url:
        for environ in ({}, postgres_settings(url)):
            for _ in range(2):
                done = commands.run(fresh, "migrate", **environ)
                assert (done.returncode, done.stdout) == (0, "the database is up to date\n"), done.stderr
    assert (fresh.folder / "data" / "integration.db").stat().st_mode & 0o777 == 0o600


def test_the_doctor_finds_everything_well(commands: Commands, service: Service) -> None:
    done = commands.run(service, "doctor")
    assert done.returncode == 0, done.stdout
    found = re.findall(
        r"^(ok|FAIL) +(settings|data|database|root key|cache|egress|models) ", done.stdout, re.MULTILINE
    )
    every = ("settings", "data", "database", "root key", "cache", "egress", "models")
    assert found == [("ok", name) for name in every]
    where = ("PostgreSQL at", "Redis at") if "POSTGRES__HOST" in service.environ else ("SQLite", "in process")
    assert all(name in done.stdout for name in where)


SICK = {
    "setting": ({"PORT": "ninety"}, "settings", "PORT: Expected", "docs/configuration.md"),
    "unknown setting": ({"LIMITS__NOTHING": "1"}, "settings", "LIMITS__NOTHING: is not a setting", "docs/"),
    "database": (
        {"POSTGRES__HOST": "127.0.0.1", "POSTGRES__PORT": "1"},
        "database", "PostgreSQL at 127.0.0.1:1 does not answer", "check POSTGRES__HOST",
    ),
    "folder": ({"DATA_DIR": "/proc/nowhere"}, "data", "/proc/nowhere can not be written", "point DATA_DIR at"),
    "root key": ({"CRYPTO__ROOT": "env:NO_SUCH_NAME"}, "root key", "set NO_SUCH_NAME", "without the root key"),
    "cache": (
        {"REDIS__HOST": "127.0.0.1", "REDIS__PORT": "1"},
        "cache", "Redis at 127.0.0.1:1 does not answer", "check REDIS__HOST",
    ),
    "models": (
        {"MODELS__FILE": "/nowhere/models.toml"},
        "models", "/nowhere/models.toml can not be read", "docs/models.md",
    ),
    "web-api": ({"WEB_HOST": "127.0.0.1:1"}, "web-api", "127.0.0.1:1 does not answer", "check WEB_HOST"),
    "web-api's address": ({"WEB_HOST": "web-api"}, "web-api", "it must be host:port", "check WEB_HOST"),
    "egress": ({"EGRESS__ALLOW": "nonsense/99"}, "egress", "EGRESS__ALLOW: 'nonsense/99'", "write CIDRs"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SICK)
def test_the_doctor_says_what_to_do(commands: Commands, fresh: Service, kind: str) -> None:
    environ, subject, found, advice = SICK[kind]
    done = commands.run(fresh, "doctor", **environ)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"FAIL {subject} "))
    assert found in lines[at]
    assert lines[at + 1].strip().startswith(f"→ {advice}")


async def test_the_doctor_looks_at_the_platform(commands: Commands, fresh: Service) -> None:
    async with playing(WebApi()) as web:
        environ = {"WEB_HOST": f"127.0.0.1:{web.port}", "SECRET": "rpd_pks"}
        done = await asyncio.to_thread(lambda: commands.run(fresh, "doctor", **environ))
    assert done.returncode == 0, done.stdout
    assert re.search(r"^ok +web-api 127\.0\.0\.1:\d+ says whose", done.stdout, re.MULTILINE)
    assert "SECRET is a published default" in done.stdout
    assert "rpd_pks" not in done.stdout


def test_the_doctor_knows_a_key_file_that_others_can_read(commands: Commands, fresh: Service) -> None:
    assert commands.run(fresh, "doctor").returncode == 0
    key_file = fresh.folder / "keys" / "root.json"
    assert key_file.stat().st_mode & 0o777 == 0o600
    key_file.chmod(0o644)
    done = commands.run(fresh, "doctor")
    assert done.returncode == 1
    assert f"chmod 600 {key_file}" in done.stdout


@pytest.mark.parametrize("command", ["migrate", "rotate-keys", "keys list"])
@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"POSTGRES__HOST": "127.0.0.1", "POSTGRES__PORT": "1"}, "the database can not be used"),
        ({"DATA_DIR": "/proc/nowhere"}, "DATA_DIR: /proc/nowhere can not be made"),
    ],
    ids=["database", "folder"],
)
def test_a_command_that_can_not_work_says_why(
    commands: Commands, fresh: Service, command: str, environ: dict[str, str], said: str
) -> None:
    done = commands.run(fresh, *command.split(), **environ)
    assert done.returncode == 1
    assert f"error: {said}" in done.stderr


def test_a_root_key_in_the_environment_is_not_rotated_here(commands: Commands, fresh: Service) -> None:
    with running(
        fresh.folder, CRYPTO__ROOT="", INTEGRATION_CRYPTO_KEY=base64.b64encode(bytes(32)).decode()
    ) as service:
        assert service.stop() == 0
        assert "move it into a key file first" in commands.run(service, "rotate-keys", "--root").stderr
        assert commands.run(service, "rotate-keys").returncode == 0


def test_on_a_terminal_progress_is_drawn(commands: Commands, service: Service) -> None:
    code, seen = commands.on_terminal(service, "rotate-keys", "--root")
    assert code == 0, seen
    assert "re-wrapping organizations' keys" in seen
    assert "re-wrapping credentials" in seen
    assert COLOUR in seen
    assert "every key is rotated" in seen
