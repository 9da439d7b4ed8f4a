"""One lab and one service, with a credential for each provider, shared by tests that only ask."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service, lab_running, running

PROVIDERS = (
    "openai", "anthropic", "mistral",
    "groq", "xai", "deepseek", "openrouter", "together", "openai-compatible",
    "huggingface", "replicate", "gemini", "vertexai", "cohere", "voyageai", "bedrock",
    "azure-openai",
)  # fmt: skip
UNVERSIONED = ("anthropic", "azure-openai", "gemini", "vertexai", "cohere", "bedrock")
"""Whose base URL ends before the version."""
VALUES = {
    "bedrock": {
        "region": "us-east-1",
        "access_key_id": "AKIALAB",
        "secret_access_key": "lab-secret-access-key",
    },
    "vertexai": {"project_id": "p1", "region": "us-east5"},
}
"""Of credentials that are more than a key."""


@pytest.fixture(scope="session", autouse=True)
def _clients() -> Iterator[None]:
    # Here: other projects' clients use this file's lab and service where no vendor's SDK is.
    from tests.e2e.clients import close_all

    yield
    close_all()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lab_running(tmp_path_factory.mktemp("lab")) as url:
        yield url


def base_url(lab: str, provider: str) -> str:
    """Where the lab plays a provider, as a credential's base_url would say it."""
    return f"{lab}/{provider}" + ("" if provider in UNVERSIONED else "/v1")


def value(lab: str, provider: str, email: str = "robot@p1.iam.gserviceaccount.com") -> dict[str, str] | None:
    """What a credential is made of; of Google's, the lab makes the key file."""
    found = VALUES.get(provider)
    if provider != "vertexai" or found is None:
        return found
    with urllib.request.urlopen(f"{lab}/vertexai/service-account.json?email={email}") as reply:
        return {**found, "service_account_key": reply.read().decode()}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as started:
        for provider in PROVIDERS:
            started.add_credential(provider, base_url(lab, provider), value=value(lab, provider))
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
