"""The compose files, read as Compose reads them: names and network are the platform's, and nothing is left of its build."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_api.settings import load

DOCKER = Path(__file__).parents[2] / "docker"
PLATFORM: dict[str, Any] = {
    "services": {
        "integration-api": {
            "build": {"context": ".", "dockerfile": "docker/integration-api/Dockerfile"},
            "container_name": "integration-api",
            "ports": ["9004:9004"],
            "env_file": ["./docker/integration-api/.integration.env"],
            "depends_on": {
                "postgres": {"condition": "service_healthy"},
                "redis": {"condition": "service_healthy"},
            },
            "volumes": ["./docker/integration-api/.integration.env:/opt/apps/env/.integration.env:ro"],
            "networks": ["api-network"],
            "healthcheck": {"test": ["CMD", "wget", "http://localhost:9004/readiness/"], "interval": "30s"},
        },
        "postgres": {"networks": ["api-network"]},
        "redis": {"networks": ["api-network"]},
    },
    "networks": {"api-network": {"driver": "bridge"}},
}
"""What of the platform's own file concerns this service."""


class Reset:
    pass


class Override(list[Any]):
    pass


class Loader(yaml.SafeLoader):
    pass


Loader.add_constructor("!reset", lambda loader, node: Reset())
Loader.add_constructor("!override", lambda loader, node: Override(loader.construct_sequence(node)))


def read(name: str) -> dict[str, Any]:
    return yaml.load((DOCKER / name).read_text(), Loader)  # noqa: S506 - it is a SafeLoader


def merged(below: Any, above: Any) -> Any:
    """As Compose merges files: mappings by key, lists one behind the other, tags as they say."""
    if isinstance(below, dict) and isinstance(above, dict):
        found = {**below}
        for key, value in above.items():
            if isinstance(value, Reset):
                found.pop(key, None)
            else:
                found[key] = merged(below[key], value) if key in below else value
        return found
    if isinstance(above, Override):
        return list(above)
    if isinstance(below, list) and isinstance(above, list) and above[:1] != ["CMD"]:
        return below + above
    return above


def test_ours_takes_the_platforms_names() -> None:
    ours = read("compose.yml")
    assert set(ours["services"]) == {"integration-api", "postgres", "redis"}
    assert all(service["networks"] == ["api-network"] for service in ours["services"].values())
    assert list(ours["networks"]) == ["api-network"]
    assert ours["services"]["integration-api"]["ports"] == ["9004:9004"]
    assert ours["services"]["integration-api"]["container_name"] == "integration-api"
    assert ours["services"]["postgres"]["image"] == "postgres:15"
    assert ours["services"]["redis"]["image"] == "redis:7"


def test_what_ours_sets_are_settings() -> None:
    given = read("compose.yml")["services"]["integration-api"]["environment"]
    load({name: "" if str(value).startswith("${") else str(value) for name, value in given.items()})
    for name in given:
        load({name: "1" if name != "BOOTSTRAP_API_KEY" else "iak_" + "0" * 40})


def test_over_the_platforms_file_only_what_must_changes() -> None:
    service = merged(PLATFORM, read("compose.platform.yml"))["services"]["integration-api"]
    was = PLATFORM["services"]["integration-api"]
    for kept in ("container_name", "ports", "env_file", "depends_on", "networks"):
        assert service[kept] == was[kept]
    assert "build" not in service
    assert (
        service["image"]
        == "integration-api:local"
        == read("compose.yml")["services"]["integration-api"]["image"]
    )


@pytest.mark.parametrize("name", ["compose.yml", "compose.platform.yml"])
def test_data_and_keys_live_on_volumes_of_their_own_and_nothing_else_is_writable(name: str) -> None:
    composed = merged(PLATFORM, read(name)) if "platform" in name else read(name)
    service = composed["services"]["integration-api"]
    mounts = dict(volume.split(":")[:2][::-1] for volume in service["volumes"])
    assert set(mounts) == {"/srv/integration-api/data", "/srv/integration-api/keys"}
    assert set(mounts.values()) <= set(composed["volumes"])
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert int(service["stop_grace_period"].rstrip("s")) > load({}).drain_seconds


def test_health_is_asked_by_what_is_in_the_image() -> None:
    service = merged(PLATFORM, read("compose.platform.yml"))["services"]["integration-api"]
    assert service["healthcheck"]["test"][:3] == ["CMD", "python", "-c"]
    compile(service["healthcheck"]["test"][3], "healthcheck", "exec")
    assert service["healthcheck"]["test"][3] in (DOCKER / "Dockerfile").read_text()
