"""A credential's life over REST, from being offered to being gone, and what the audit trail tells of it."""

import itertools
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.conftest import base_url
from tests.e2e.service import Service
from tests.e2e.test_isolation import other_project
from tests.rpc.caller import until

KEY = "lab-key-of-a-credential-0123456789"
SAID = "what-was-said-must-not-be-kept"
ANSWERED = "what-was-answered-must-not-be-kept"
NUMBER = itertools.count()


class Project:
    """A project of its own, so that lists and records hold what was done here."""

    def __init__(self, service: Service, lab: str) -> None:
        self.service, self.lab = service, lab
        self.key = other_project(service)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.service.call(method, path, body, key=self.key, headers=named)

    def offer(self, key: str = KEY, **more: Any) -> dict[str, Any]:
        value = {"key": key, "base_url": base_url(self.lab, "openai")}
        return {"provider": "openai", "name": f"credential {next(NUMBER)}", "value": value, **more}

    def store(self, **more: Any) -> dict[str, Any]:
        status, made = self.ask("POST", "/v1/credentials", self.offer(**more))
        assert status == 201, made
        return dict(made)

    def chat(self, model: str = "openai/gpt-4o", **headers: str) -> int:
        body = {
            "model": model,
            "stream": "stream" in headers,
            "messages": [{"role": "user", "content": SAID}],
        }
        headers.pop("stream", None)
        return self.ask("POST", "/v1/chat/completions", body, **headers)[0]

    def records(self, wanted: Callable[[dict[str, Any]], bool], count: int = 1) -> list[dict[str, Any]]:
        """Return matching records, oldest first, once there are so many."""

        def found() -> list[dict[str, Any]]:
            listed = self.ask("GET", "/v1/audit?limit=100")[1]["data"]
            return [record for record in reversed(listed) if wanted(record)]

        until(lambda: len(found()) >= count)
        return found()


@pytest.fixture(scope="module")
def project(service: Service, lab: str) -> Project:
    return Project(service, lab)


def test_it_is_checked_stored_shown_masked_renamed_replaced_and_deleted(service: Service, lab: str) -> None:
    project = Project(service, lab)
    made = project.store(name="first")
    assert made["status"] == "valid"
    assert made["fields"] == {"key": "…6789", "base_url": base_url(lab, "openai")}
    assert (made["version"], made["default"], made["provider"]) == (1, True, "openai")
    assert made["verified_at"] is not None
    where = f"/v1/credentials/{made['id']}"
    assert project.ask("GET", where) == (200, made)

    status, renamed = project.ask("PATCH", where, {"name": "renamed"})
    assert (status, renamed["name"], renamed["version"]) == (200, "renamed", 1)
    assert renamed["updated_at"] > made["updated_at"]

    other = f"{KEY}-another-abcd"
    status, replaced = project.ask("PATCH", where, {"value": {**project.offer(other)["value"]}})
    assert (status, replaced["version"], replaced["fields"]["key"]) == (200, 2, "…abcd")
    refused, answer = project.ask(
        "PATCH", where, {"value": project.offer("lab-invalid-key-0123456789")["value"]}
    )
    assert (refused, answer["error"]["code"], answer["error"]["provider"]) == (
        422,
        "credential_invalid",
        "openai",
    )
    assert project.ask("GET", where) == (200, replaced), "a refused value changes nothing"

    status, verified = project.ask("POST", f"{where}/verify", {})
    assert (status, verified["status"]) == (200, "valid")
    assert project.chat(x_credential_id=made["id"]) == 200

    assert project.ask("DELETE", where) == (200, {"id": made["id"], "object": "credential", "deleted": True})
    for method, path, body in (
        ("GET", where, None), ("PATCH", where, {"name": "x"}), ("DELETE", where, None), ("POST", f"{where}/verify", {}),
    ):  # fmt: skip
        status, answer = project.ask(method, path, body)
        assert (status, answer["error"]["code"]) == (404, "credential_not_found")
    assert project.ask("GET", "/v1/credentials")[1]["data"] == []
    assert project.chat() == 400

    project.records(lambda record: record["operation"] == "credential.delete")
    acts = project.records(lambda record: record["operation"] != "chat")
    assert [(act["operation"], act["status"], act["credential_id"], act["credential_version"]) for act in acts] == [
        ("verify", "success", None, None), ("credential.create", "success", made["id"], 1),
        ("credential.update", "success", made["id"], 1),
        ("verify", "success", None, None), ("credential.update", "success", made["id"], 2),
        ("verify", "failed", None, None), ("verify", "success", made["id"], 2),
        ("credential.delete", "success", made["id"], 2),
    ]  # fmt: skip
    assert {act["provider"] for act in acts} == {"openai"}
    assert (acts[5]["fault"], acts[5]["provider_status"]) == ("credential_invalid", 401)


def test_what_nobody_has_checked_is_unverified_and_for_admins(project: Project) -> None:
    _, writer = project.ask("POST", "/v1/keys", {"name": "w", "scopes": ["credentials:write"]})
    offer = project.offer("lab-invalid-key-0123456789")
    status, answer = project.service.call("POST", "/v1/credentials?verify=false", offer, key=writer["key"])
    assert (status, answer["error"]["code"]) == (403, "missing_scope")
    status, made = project.ask("POST", "/v1/credentials?verify=false", offer)
    assert (status, made["status"], made["verified_at"]) == (201, "unverified", None)
    status, answer = project.ask("POST", f"/v1/credentials/{made['id']}/verify", {})
    assert (status, answer["error"]["code"]) == (422, "credential_invalid")
    status, answer = project.ask(
        "POST", "/v1/chat/completions", {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "x"}]},
        x_credential_id=made["id"],
    )  # fmt: skip
    assert (status, answer["error"]["code"]) == (424, "credential_rejected")
    value = project.offer()["value"]
    status, healed = project.ask("PATCH", f"/v1/credentials/{made['id']}", {"value": value})
    assert (status, healed["status"], healed["version"]) == (200, "valid", 2)
    assert project.chat(x_credential_id=made["id"]) == 200


def test_short_secrets_are_not_shown_at_all(project: Project) -> None:
    for length, shown in ((19, "…"), (20, "…" + "k" * 4)):
        made = project.store(key="k" * length)
        assert made["fields"]["key"] == shown


def test_offering_without_storing(project: Project) -> None:
    before = project.ask("GET", "/v1/credentials?limit=100")[1]["data"]
    offer = project.offer()
    del offer["name"]
    assert project.ask("POST", "/v1/credentials/verify", offer) == (
        200,
        {"status": "valid", "provider": "openai"},
    )
    offer["value"]["key"] = "lab-invalid-key-0123456789"
    status, answer = project.ask("POST", "/v1/credentials/verify", offer)
    assert (status, answer["error"]["code"]) == (422, "credential_invalid")
    assert project.ask("GET", "/v1/credentials?limit=100")[1]["data"] == before


def test_lists_come_in_pages(service: Service, lab: str) -> None:
    project = Project(service, lab)
    made = [project.store()["id"] for _ in range(5)]
    found, after = [], ""
    while True:
        page = project.ask("GET", f"/v1/credentials?limit=2{after}")[1]
        found += [one["id"] for one in page["data"]]
        assert KEY not in str(page)
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert found == made[::-1]
    assert project.ask("GET", "/v1/credentials?provider=mistral")[1]["data"] == []
    defaults = [one["id"] for one in project.ask("GET", "/v1/credentials")[1]["data"] if one["default"]]
    assert defaults == made[:1], "the first of a provider is its default"
    assert project.ask("PATCH", f"/v1/credentials/{made[3]}", {"default": True})[0] == 200
    defaults = [one["id"] for one in project.ask("GET", "/v1/credentials")[1]["data"] if one["default"]]
    assert defaults == [made[3]]


def test_a_taken_name_is_a_conflict(project: Project) -> None:
    taken = project.store()["name"]
    status, answer = project.ask("POST", "/v1/credentials", project.offer() | {"name": taken})
    assert (status, answer["error"]["code"]) == (409, "name_taken")


def test_who_replaces_what_somebody_else_has_replaced_meanwhile_is_told(project: Project) -> None:
    asked, answers = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        """A provider that takes its time to say that a key is good."""

        def do_GET(self) -> None:
            asked.set()
            answers.wait(60)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"object": "list", "data": []}')

        def log_message(self, *_: Any) -> None:
            pass

    where = f"/v1/credentials/{project.store()['id']}"
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as provider, ThreadPoolExecutor() as pool:
        pool.submit(provider.serve_forever)
        value = {"key": KEY, "base_url": f"http://127.0.0.1:{provider.server_port}/v1"}
        slow = pool.submit(project.ask, "PATCH", where, {"value": value})
        try:
            assert asked.wait(60)
            replaced, now = project.ask("PATCH", f"{where}?verify=false", {"value": project.offer()["value"]})
        finally:
            answers.set()
            status, answer = slow.result()
            provider.shutdown()
    assert (replaced, status, answer["error"]["code"]) == (200, 409, "credential_changed")
    assert project.ask("GET", where)[1] == now


# --- what is on record --------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_call_is_on_record_whole_and_without_what_was_said(project: Project, stream: bool) -> None:
    made = project.store()
    id = f"recorded-{stream}"
    more = {"stream": "yes"} if stream else {}
    assert project.chat(x_credential_id=made["id"], x_request_id=id, **more) == 200
    (record,) = project.records(lambda record: record["request_id"] == id)
    told = {name: record[name] for name in (
        "operation", "provider", "model", "status", "response_status", "fault", "error_code", "credential_id",
        "credential_version", "provider_status", "retries", "streamed", "finish_reason",
    )}  # fmt: skip
    assert told == {
        "operation": "chat", "provider": "openai", "model": "gpt-4o", "status": "success", "response_status": 200,
        "fault": "", "error_code": "", "credential_id": made["id"], "credential_version": 1, "provider_status": 200,
        "retries": 0, "streamed": stream, "finish_reason": "stop",
    }  # fmt: skip
    assert re.fullmatch(r"req_[0-9a-f]{32}", record["provider_request_id"])
    assert record["input_tokens"] > 0
    assert record["output_tokens"] > 0
    assert 0 < record["queue_ms"] < record["total_ms"]
    assert 0 < record["upstream_ms"] < record["total_ms"]
    if stream:
        assert record["queue_ms"] < record["first_token_ms"] <= record["total_ms"]
    assert project.ask("GET", f"/v1/audit/{record['id']}") == (200, record)
    for name in ("credential_id", "key_id"):
        status, page = project.ask("GET", f"/v1/audit?{name}={record[name]}&request_id={id}")
        assert (status, page["data"]) == (200, [record])
    for wrong in (1 << 63, "9" * 20, "one"):
        assert project.ask("GET", f"/v1/audit?credential_id={wrong}")[0] == 400
    assert SAID not in str(record)


@pytest.mark.parametrize(
    ("directive", "status", "fault", "provider_status"),
    [
        ("status-401", 424, "credential_rejected", 401),
        ("status-429", 429, "rate_limited", 429),
        ("status-500", 502, "upstream", 500),
        ("html-502", 502, "upstream", 502),
        ("reset-after-head", 502, "truncated", 200),
    ],
)
def test_a_failure_is_on_record_with_whose_fault_it_was(
    project: Project, directive: str, status: int, fault: str, provider_status: int
) -> None:
    id = f"failed-{directive}"
    made = project.store()
    assert (
        project.chat(f"openai/gpt-4o-lab-{directive}", x_request_id=id, x_credential_id=made["id"]) == status
    )
    (record,) = project.records(lambda record: record["request_id"] == id)
    assert (record["status"], record["response_status"], record["fault"]) == ("failed", status, fault)
    assert record["provider_status"] == provider_status
    assert record["credential_id"] == made["id"]
    assert record["error_code"]
    assert SAID not in str(record)


def test_nothing_that_was_said_is_kept_anywhere(service: Service, project: Project) -> None:
    """Not in the database, its log, the spool nor the service's log."""
    assert project.chat(x_credential_id=project.store()["id"], x_request_id="unsaid") == 200
    project.records(lambda record: record["request_id"] == "unsaid")
    kept = b"".join(path.read_bytes() for path in service.folder.rglob("*") if path.is_file())
    assert b"unsaid" in kept
    assert SAID.encode() not in kept
