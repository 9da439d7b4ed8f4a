"""Settings: the environment, a file, and clear refusals."""

from pathlib import Path

import pytest

from integration_api.settings import SettingsError, load


def test_nothing_set_gives_the_embedded_defaults() -> None:
    settings = load({})
    assert (settings.host, settings.port, settings.workers) == ("0.0.0.0", 9004, 1)
    assert settings.postgres.host == settings.redis.host == ""
    assert settings.root_key == "file:./keys/root.json"


def test_nested_names_and_numbers_come_from_the_environment() -> None:
    settings = load(
        {"POSTGRES__AUTH__PASSWORD": "p", "POSTGRES__PORT": "6000", "PORT": "9", "EGRESS__ALLOW_HTTP": "true"}
    )
    assert settings.postgres.auth.password == "p"
    assert (settings.postgres.port, settings.port, settings.egress.allow_http) == (6000, 9, True)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "integration.env"
    file.write_text(
        "PORT=1111\nREDIS__HOST=cache\n# a comment\nREDIS__MAX_DB=5\nENDPOINT_HOST=endpoint:9005\n"
    )
    settings = load({"ENV_PATH": str(file), "PORT": "2222"})
    assert (settings.port, settings.redis.host) == (2222, "cache")


def test_yaml_is_the_same_tree_in_lower_case(tmp_path: Path) -> None:
    file = tmp_path / "integration.yml"
    file.write_text(
        "service_id: 9004\npostgres:\n  host: db\n  auth:\n    user: u\nweb:\n  host: web-api:9001\n"
    )
    settings = load({"ENV_PATH": str(file)})
    assert (settings.postgres.host, settings.postgres.auth.user, settings.web_host) == (
        "db",
        "u",
        "web-api:9001",
    )


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"POSTGRES__HOSTT": "x"}, "POSTGRES__HOSTT: is not a setting"),
        ({"PORT": "ninety"}, "PORT: Expected `int`, got `str`"),
        ({"PORT": "99999"}, "PORT must be between"),
        ({"TLS__CERT": "a"}, "TLS__CERT and TLS__KEY"),
        ({"BOOTSTRAP_API_KEY": "iak_short"}, "BOOTSTRAP_API_KEY must be iak_"),
        ({"ENV_PATH": "/nowhere/at/all.env"}, "ENV_PATH: /nowhere/at/all.env"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as error:
        load(environ)
    assert "\n" not in str(error.value)


def test_settings_never_print_what_they_hold() -> None:
    assert "hush" not in repr(load({"SECRET": "hush"}))
