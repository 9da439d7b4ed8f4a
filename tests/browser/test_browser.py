"""Pages in headless Chromium: gRPC-Web by the libraries pages use, and REST, from listed origins only."""

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import base_url, lab
from tests.e2e.service import ADMIN_KEY, ROOT, Service, running

__all__ = ["lab"]
HERE = Path(__file__).parent
METADATA = {"x-api-key": ADMIN_KEY, "x-client-source": "web-plugin"}
MODEL = "openai/gpt-4o-lab-paced-12-5"


class Page:
    """A page of an origin of its own; `run` calls one of its scenarios."""

    def __init__(self) -> None:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        assert chromium, "there is no Chromium: run `make test-browser`"
        self._node = subprocess.Popen(
            ["node", str(HERE / "drive.mjs")],
            env={
                **os.environ,
                "CHROMIUM": chromium,
                "DESCRIPTORS": str(ROOT / "src/integration_api/proto/services.binpb"),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.origin = self._read()["origin"]

    def run(self, name: str, service: Service, model: str = MODEL, **metadata: str) -> Any:
        assert self._node.stdin is not None
        given = {"url": service.url, "metadata": {**METADATA, **metadata}, "model": model}
        self._node.stdin.write(json.dumps({"name": name, "given": given}) + "\n")
        self._node.stdin.flush()
        answer = self._read()
        assert "failed" not in answer["result"] or "fetch" in answer["result"]["failed"], answer
        return answer["result"] | {"console": answer["said"]}

    def _read(self) -> Any:
        assert self._node.stdout is not None
        line = self._node.stdout.readline()
        assert line, "the browser did not start"
        return json.loads(line)

    def close(self) -> None:
        self._node.communicate(timeout=20)


@pytest.fixture(scope="session")
def page() -> Iterator[Page]:
    opened = Page()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def service(page: Page, lab: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    origins = f"https://app.example,{page.origin}"
    with running(tmp_path_factory.mktemp("browser"), CORS__ORIGINS=origins) as started:
        started.add_credential("openai", base_url(lab, "openai"))
        yield started


@pytest.fixture(scope="session")
def closed(lab: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that lists other pages."""
    with running(tmp_path_factory.mktemp("closed"), CORS__ORIGINS="https://app.example") as started:
        yield started


def spoken(frames: list[Any]) -> str:
    """What the pieces of an older generation's answer add up to; contents are bytes, so base64."""
    return "".join(
        b64decode(one["content"]).decode() for frame in frames for one in frame["data"]["contents"]
    )


@pytest.mark.parametrize("client", ["improbable", "google"])
def test_a_page_streams_a_chat(page: Page, service: Service, client: str) -> None:
    answer = page.run(client, service, MODEL.removeprefix("openai/"))
    assert answer["status"] == 0, answer
    assert answer["deltas"] > 5
    *pieces, whole = answer["frames"]
    assert spoken(pieces) == spoken([whole])
    assert {"INPUT_TOKEN", "OUTPUT_TOKEN", "TIME_TAKEN"} <= {one["name"] for one in whole["metrics"]}


@pytest.mark.parametrize("client", ["improbable", "google"])
@pytest.mark.parametrize(("key", "status"), [("iak_wrong", 16), ("", 16)])
def test_a_page_is_told_the_status_of_a_refusal(
    page: Page, service: Service, client: str, key: str, status: int
) -> None:
    answer = page.run(client, service, MODEL.removeprefix("openai/"), **{"x-api-key": key})
    assert answer["status"] == status, answer
    assert "API key" in answer["message"]


def test_a_page_asks_once_and_is_answered_once(page: Page, service: Service) -> None:
    answer = page.run("unary", service)
    assert answer["status"] == 0, answer
    assert answer["answer"]["success"]
    assert answer["answer"]["data"]["assistant"]["contents"]


def test_a_page_holds_a_turn_of_a_conversation_and_reads_it_as_it_comes(page: Page, service: Service) -> None:
    answer = page.run("conversation", service)
    first, *pieces, whole = (frame for frame in answer["frames"])
    assert first["configuration"]["success"]
    assert {frame["chat"]["requestId"] for frame in (*pieces, whole)} == {"turn-1"}
    said = ["".join(frame["chat"]["data"]["assistant"]["contents"]) for frame in (*pieces, whole)]
    assert "".join(said[:-1]) == said[-1]
    assert len(pieces) > 5
    assert answer["reads"] > 1, "it came all at once"
    assert "grpc-status: 0" in answer["trailers"]
    assert answer["requestId"]


def test_a_page_streams_over_rest(page: Page, service: Service) -> None:
    answer = page.run("rest", service)
    assert answer["status"] == 200
    assert answer["text"].rstrip().endswith("data: [DONE]")
    assert answer["requestId"]


@pytest.mark.parametrize("client", ["improbable", "google", "unary", "conversation", "rest"])
def test_a_page_that_is_not_listed_gets_nothing(page: Page, closed: Service, client: str) -> None:
    before = closed.call("GET", "/v1/audit")[1]["data"]
    answer = page.run(
        client, closed, "sandbox/echo" if client in {"unary", "rest", "conversation"} else "echo"
    )
    assert "frames" not in answer or not answer["frames"]
    assert "answer" not in answer
    assert answer.get("status") != 200
    assert any("blocked by CORS policy" in line for line in answer["console"])
    assert closed.call("GET", "/v1/audit")[1]["data"] == before
