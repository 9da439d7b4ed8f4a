"""What README and docs/rest.md show is run as it stands, against a service beside the lab."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from integration_api.settings import load
from tests.e2e.service import ADMIN_KEY, ROOT, Service, python, running

CURL = 'curl() { command curl --fail-with-body --silent --show-error --max-time 20 "$@"; }\n'
FENCE = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(name: str) -> list[tuple[str, str]]:
    """Return every block of code in a document, with its language."""
    return FENCE.findall((ROOT / name).read_text())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Service]:
    """A service whose project has nothing yet."""
    with running(tmp_path_factory.mktemp("docs")) as started:
        yield started


def here(text: str, service: Service, lab: str) -> str:
    """Put what runs here in place of where a reader's would run, and a key for `sk-ant-…`."""
    text = text.replace("http://localhost:9004", service.url).replace("http://127.0.0.1:9104", lab)
    return text.replace("sk-ant-…", "lab-key-0123456789abcdef")


def run(script: str, service: Service, lab: str) -> str:
    named = {
        "U": service.url, "H": f"Authorization: Bearer {ADMIN_KEY}", "J": "Content-Type: application/json",
        "KEY": ADMIN_KEY, "OPENAI_API_KEY": "lab-key-0123456789abcdef",
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", CURL + here(script, service, lab)],
        env={**service.settings(), **named}, cwd=service.folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout


def test_rest(service: Service, lab: str) -> None:
    for provider, path in (("openai", "openai/v1"), ("cohere", "cohere")):
        service.add_credential(provider, f"{lab}/{path}")
    shown = [code for language, code in blocks("docs/rest.md") if language == "sh"]
    assert len(shown) >= 6
    answers = [run(code, service, lab) for code in shown]
    assert all(answers)
    warned = next(answer for answer in answers if "logit_bias" in answer)
    promised = re.findall(
        r"^# (x-integration-warnings: .*)$", (ROOT / "docs/rest.md").read_text(), re.MULTILINE
    )
    assert promised
    assert all(line in warned.replace("\r", "") for line in promised)


def test_readme(service: Service, lab: str) -> None:
    """The commands that start and prove things are the gate's own; those that ask are run here."""
    shown = blocks("README.md")
    asked = [code for language, code in shown if language == "sh" and code.startswith("curl")]
    assert len(asked) == 2
    streamed = run(asked[0], service, lab)
    assert streamed.endswith("data: [DONE]\n\n")
    # The service is started with a provider that is the lab's; whose address README does not need to say.
    stored = asked[1].replace('"value": {', f'"value": {{"base_url": "{lab}/openai/v1", ')
    assert '"status":"valid"' in run(stored, service, lab)
    service.add_credential("anthropic", f"{lab}/anthropic")
    (program,) = [code for language, code in shown if language == "python"]
    program = here(program, service, lab) + "\nprint(answer.choices[0].message.content)\n"
    done = subprocess.run(
        [python(), "-c", f"KEY = {ADMIN_KEY!r}\n{program}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_commands_and_files_that_documents_name_are_there() -> None:
    named = {
        target.group(1)
        for target in re.finditer(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    }
    for document in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md", "docs/rest.md"):
        text = (ROOT / document).read_text()
        assert set(re.findall(r"`?\bmake ([a-z]+(?:-[a-z]+)*)", text)) - {"sure"} <= named, document
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in link:
                assert (ROOT / Path(document).parent / link).exists(), (document, link)
    listed = re.findall(r"^\d+\. \[.*\]\((.*)\)$", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs/adr").glob("0*.md"))
    for target in ("run", "test", "test-clients", "check", "bench", *(
        f"{verb}-integration" for verb in ("up", "down", "logs", "rebuild", "build", "shell", "restart")
    )):  # fmt: skip
        assert target in named


def test_containers_need_nothing_to_be_written_first(tmp_path: Path) -> None:
    """The password that compose asks for is made, once and for its owner only."""
    folder = tmp_path / "docker"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "docker" / "compose.yml", folder)
    made = []
    for _ in range(2):
        subprocess.run(["make", "--silent", "docker/.env"], cwd=tmp_path, check=True)
        made.append((folder / ".env").read_text())
    assert made[0] == made[1]
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
    given = dict(line.split("=", 1) for line in made[0].splitlines())
    assert len(given["POSTGRES_PASSWORD"]) >= 32
    compose = (folder / "compose.yml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?", compose)) == set(given)
    services = yaml.safe_load(compose)["services"]
    assert services["postgres"]["image"] == "postgres:15"
    assert services["redis"]["image"] == "redis:7"
    assert services["integration-api"]["ports"] == ["9004:9004"]
    # What is set there are settings.
    environ = {
        name: "7" for name in services["integration-api"]["environment"] if name != "BOOTSTRAP_API_KEY"
    }
    assert load(environ).postgres.host == "7"
    targets = [
        line
        for line in (ROOT / "Makefile").read_text().splitlines()
        if re.match(r"[a-z]+-integration:", line)
    ]
    assert len(targets) == 7
    assert all(": docker/.env ##" in line for line in targets)
