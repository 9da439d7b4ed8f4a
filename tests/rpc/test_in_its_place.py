"""What the platform's own service did badly and no other test here would notice: docs/rapida.md, row by row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from integration_api.proto import unified_pb2 as wire
from integration_api.proto import vault_pb2 as vault
from tests.e2e.conftest import base_url
from tests.e2e.service import ADMIN_KEY, Service, postgres_settings, redis_settings, running
from tests.rpc.caller import Caller, chat_request, credential, metrics, signed, spoken, text, until, user
from tests.servers import RedisServer, database, postgres_server
from tests.services.tokens import SECRET, metadata, new, service_key

HUSH = "hush-nobody-may-read-this"
"""Begins everything that no log may say."""
PASSWORD = f"{HUSH}-database"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory, lab: str, redis: RedisServer) -> Iterator[Caller]:
    """A service that logs all it can, with everything beside it that the platform has."""
    with database(postgres_server()) as url:
        settings = {
            **postgres_settings(url),
            **redis_settings(redis.start()),
            "POSTGRES__AUTH__PASSWORD": PASSWORD,
            "LOG_LEVEL": "debug",
            "SECRET": SECRET,
            "WORKERS": "1",
        }
        with (
            running(tmp_path_factory.mktemp("talkative"), **settings) as service,
            Caller(service, lab) as caller,
        ):
            yield caller


def test_a_log_at_debug_repeats_nothing_that_was_said_or_shown(talkative: Caller) -> None:
    service, lab = talkative.service, talkative.lab
    held = {"key": f"{HUSH}-key-0123456789", "base_url": base_url(lab, "openai")}
    token = metadata(service_key(new()))
    for model in ("gpt-4o", "gpt-4o-lab-status-401", "gpt-4o-lab-status-500", "gpt-4o-lab-echo-key"):
        request = chat_request(
            f"openai/{model}",
            user(f"{HUSH}-prompt"),
            params={"model.user": f"{HUSH}-user"},
            credential=credential(**held),
            additionalData={"user_identifier": f"{HUSH}-person"},
        )
        talkative.call("Chat", request)
        talkative.call("Chat", request, key=None, metadata=token)
    with pytest.raises(grpc.RpcError):
        talkative.call("Chat", request, key=None, metadata=[("x-api-key", f"{HUSH}-project")])
    with pytest.raises(grpc.RpcError):
        shown = metadata(service_key({"exp": 0, "iss": f"{HUSH}-iss"}))
        talkative.call("Chat", request, key=None, metadata=shown)
    create(talkative, **held)
    service.call("POST", "/v1/chat/completions", {"model": f"openai/{HUSH}", "messages": [HUSH]})
    service.call("GET", f"/v1/{HUSH}?key={HUSH}", headers={"x-api-key": f"{HUSH}-two"})
    log = service.log.read_text()
    assert '"level":"debug"' in log
    assert HUSH not in log
    assert SECRET not in log
    assert ADMIN_KEY not in log
    assert not any(value in log for _, value in token)
    kept = [path for path in Path(service.folder).rglob("*") if path.is_file()]
    assert not any(f"{HUSH}-key".encode() in path.read_bytes() for path in kept)


def create(caller: Caller, **value: str) -> Any:
    fields = Struct()
    fields.update(value)
    request = vault.CreateProviderCredentialRequest(provider="openai", name=f"{HUSH}-name", credential=fields)
    stub = caller.channel.unary_unary(
        "/vault_api.VaultService/CreateProviderCredential",
        vault.CreateProviderCredentialRequest.SerializeToString,
        vault.GetCredentialResponse.FromString,
    )
    return stub(request, metadata=signed(ADMIN_KEY), timeout=60)


def test_readiness_says_what_is_away_and_where_nothing_is(talkative: Caller, redis: RedisServer) -> None:
    def asked(service: Service) -> tuple[int, Any]:
        return service.call("GET", "/readiness/", key=None)

    service = talkative.service
    status, well = asked(service)
    assert (status, well["code"], well["success"]) == (200, 200, True)
    redis.stop()
    try:
        until(lambda: asked(service)[0] == 503)
        status, ill = asked(service)
        assert (ill["code"], ill["success"]) == (503, False)
        assert {name for name, is_well in ill["data"].items() if not is_well} == {"cache"}
        assert set(map(type, ill["data"].values())) == {bool}
        assert "127.0.0.1" not in str(ill)
        assert talkative.chat("sandbox/echo", user("Hello")).success
    finally:
        redis.start()
    until(lambda: asked(service)[0] == 200)


def test_an_answer_that_was_cut_short_has_its_text_and_says_why(talkative: Caller) -> None:
    answer = talkative.chat(
        "sandbox/echo", user("one two three four five six"), params={"model.max_tokens": text("3")}
    )
    assert answer.success
    assert answer.finishReason == "length"
    assert spoken(answer)
    assert metrics(answer)["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("provider", "value"),
    [
        ("azure-foundry", {"subscription_key": "k" * 30, "endpoint": "http://169.254.169.254/latest"}),
        ("azure-foundry", {"subscription_key": "k" * 30, "endpoint": "https://10.0.0.1"}),
        ("custom-llm", {"baseUrl": "http://169.254.169.254", "apiCompatibility": "openai_compatible"}),
        ("openai", {"key": "k" * 30, "base_url": "https://[::ffff:169.254.169.254]"}),
    ],
)
def test_verifying_leads_nowhere_inside(talkative: Caller, provider: str, value: dict[str, str]) -> None:
    request = wire.VerifyCredentialRequest(providerName=provider, credential=credential(**value))
    answer = talkative.call("VerifyCredential", request)
    assert not answer.success
    assert "not a public host" in answer.errorMessage or "must be https" in answer.errorMessage
