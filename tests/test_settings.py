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
        ({"WORKERS": "0"}, "WORKERS must be more than 0, not 0"),
        ({"DRAIN_SECONDS": "-1"}, "DRAIN_SECONDS must be 0 or more, not -1.0"),
        ({"LIMITS__REQUESTS": "-5"}, "LIMITS__REQUESTS must be more than 0"),
        ({"UPSTREAM__IDLE_SECONDS": "nan"}, "UPSTREAM__IDLE_SECONDS must be more than 0, not nan"),
        ({"UPSTREAM__TOTAL_SECONDS": "inf"}, "UPSTREAM__TOTAL_SECONDS must be more than 0, not inf"),
        ({"REDIS__PORT": "70000"}, "REDIS__PORT must be between"),
        ({"TELEPHONY__PUBLIC_URL": "voice.example.com"}, "TELEPHONY__PUBLIC_URL"),
        ({"TELEPHONY__PUBLIC_URL": "https://voice.example.com/?a=b"}, "TELEPHONY__PUBLIC_URL"),
        ({"TELEPHONY__PUBLIC_URL": "https://voice.example.com:port"}, "TELEPHONY__PUBLIC_URL"),
        ({"TELEPHONY__PUBLIC_URL": "http://voice.example.com"}, "https"),
        ({"TELEPHONY__PEER_URL": "10.0.0.7:9004"}, "TELEPHONY__PEER_URL"),
        ({"TELEPHONY__PEER_URL": "http://10.0.0.7:9004/path"}, "TELEPHONY__PEER_URL"),
        ({"TELEPHONY__PEER_URL": "http://10.0.0.7:9004?a=b"}, "TELEPHONY__PEER_URL"),
        ({"TELEPHONY__PEER_URL": "https://me@10.0.0.7:9004"}, "TELEPHONY__PEER_URL"),
        ({"TELEPHONY__EXOTEL_ADDRESSES": "10.0.0.1/8"}, "TELEPHONY__EXOTEL_ADDRESSES"),
        ({"TELEPHONY__TRUSTED_PROXIES": "nowhere"}, "TELEPHONY__TRUSTED_PROXIES"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as error:
        load(environ)
    assert "\n" not in str(error.value)


def test_settings_never_print_what_they_hold() -> None:
    assert "hush" not in repr(load({"SECRET": "hush"}))


PLATFORM_ENV = """
SERVICE_NAME="Integration_Service"
HOST="0.0.0.0"
PORT=9004
SECRET="rpd_pks"
LOG_LEVEL="warn"
ENV="development"
SENDGRID_API_KEY="unused"

POSTGRES__HOST="postgres"
POSTGRES__DB_NAME="integration_db"
POSTGRES__AUTH__USER="platform_user"
POSTGRES__AUTH__PASSWORD="platform_password"
POSTGRES__PORT=5432
POSTGRES__MAX_OPEN_CONNECTION=10
POSTGRES__MAX_IDEAL_CONNECTION=10
POSTGRES__SSL_MODE="disable"
POSTGRES__SLC_CACHE__HOST="redis"
POSTGRES__SLC_CACHE__AUTH__PASSWORD=""
POSTGRES__SLC_CACHE__DB=1
REDIS__HOST="redis"
REDIS__PORT=6379
REDIS__AUTH__PASSWORD=""
REDIS__MAX_CONNECTION=10
REDIS__MAX_DB=0
REDIS__INSECURE_SKIP_VERIFY=false
ASSET_STORE__STORAGE_TYPE="local"
ASSET_STORE__STORAGE_PATH_PREFIX="/opt/assets"
ASSET_STORE__AUTH__ACCESS_KEY_ID=""
INTEGRATION_HOST=integration-api:9004
ENDPOINT_HOST=endpoint-api:9005
ASSISTANT_HOST=assistant-api:9007
WEB_HOST=web-api:9001
DOCUMENT_HOST=http://document-api:9010
UI_HOST=https://localhost:3000
CRYPTO_ALGORITHM=AES-256-GCM
OAUTH_CALLBACK_URL=http://localhost/callback
GOOGLE_OAUTH_CLIENT_ID=x
"""
"""Every name that the platform's own file for this service may have."""
PLATFORM_YAML = """
service_name: "Integration_Service"
service_id: 9004
port: 9004
secret: "rpd_pks"
log_level: "WARN"
env: "development"
postgres:
  host: "postgres"
  port: 5432
  db_name: "integration_db"
  auth: {user: "platform_user", password: "platform_password"}
  max_open_connection: 10
  max_ideal_connection: 10
  ssl_mode: "disable"
  slc_cache: {host: "redis", port: 6379, db: 1, max_connection: 10}
redis:
  host: "redis"
  port: 6379
  auth: {user: "", password: ""}
asset_store: {storage_type: "local", storage_path_prefix: "/assets"}
integration: {host: "integration-api:9004"}
endpoint: {host: "endpoint-api:9005"}
assistant: {host: "assistant-api:9007"}
web: {host: "web-api:9001"}
document: {host: "http://document-api:9010"}
ui: {host: "https://localhost:3000"}
"""


def environment_of(text: str) -> dict[str, str]:
    """Return what a container's env_file makes of it."""
    lines = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value.strip('"') for name, _, value in lines}


@pytest.mark.parametrize("form", ["file", "environment", "yaml"])
def test_the_platforms_own_file_works_unchanged(tmp_path: Path, form: str) -> None:
    file = tmp_path / ("integration.yml" if form == "yaml" else ".integration.env")
    file.write_text(PLATFORM_YAML if form == "yaml" else PLATFORM_ENV)
    settings = load(environment_of(PLATFORM_ENV) if form == "environment" else {"ENV_PATH": str(file)})
    assert (settings.postgres.host, settings.postgres.auth.user) == ("postgres", "platform_user")
    assert (settings.postgres.max_open_connection, settings.postgres.ssl_mode) == (10, "disable")
    assert (settings.redis.host, settings.redis.auth.password) == ("redis", "")
    assert (settings.web_host, settings.secret, settings.log_level) == ("web-api:9001", "rpd_pks", "warning")
    assert not settings.production


@pytest.mark.parametrize("secret", ["rpd_pks", "RPD_PKS", "changeme"])
def test_a_published_secret_is_refused_in_production(secret: str) -> None:
    for env in ("production", "Production", "prod"):
        with pytest.raises(SettingsError, match="SECRET is a published default") as error:
            load({"SECRET": secret, "ENV": env})
        assert secret not in str(error.value)
    assert load({"SECRET": secret, "ENV": "development"}).secret == secret
    assert load({"ENV": "production"}).production


def test_every_setting_says_what_it_is_for() -> None:
    """In the table that is made from them; names speak for a server's address and a login."""
    table = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text()
    silent = {
        line.split("`")[1] for line in table.splitlines() if line.startswith("| `") and line.endswith("|  |")
    }
    assert silent <= {
        *(f"POSTGRES__{name}" for name in ("HOST", "PORT", "DB_NAME", "AUTH__USER", "AUTH__PASSWORD", "SSL_MODE")),
        *(f"REDIS__{name}" for name in ("HOST", "PORT", "DB", "AUTH__USER", "AUTH__PASSWORD")),
        "TLS__CERT", "TLS__KEY", "ENV", "INTEGRATION_CRYPTO_KEY",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST", "0.0.0.0"), ("PORT", 9004), ("WORKERS", 1), ("LOG_LEVEL", "info"), ("SECRET", ""),
        ("POSTGRES__DB_NAME", "integration_db"), ("WEB_HOST", ""), ("DATA_DIR", "./data"), ("DRAIN_SECONDS", 30),
        ("EGRESS__ALLOW_HTTP", False), ("CORS__ORIGINS", ""), ("TLS__CERT", ""), ("TLS__KEY", ""),
        ("BOOTSTRAP_API_KEY", ""), ("POSTGRES__HOST", ""), ("REDIS__HOST", ""),
    ],
)  # fmt: skip
def test_promised_names_have_their_promised_defaults(name: str, value: object) -> None:
    found: object = load({})
    for step in name.lower().split("__"):
        found = getattr(found, step)
    assert found == value


@pytest.mark.parametrize(
    "name",
    ["HOST", "SERVICE_NAME", "SECRET", "POSTGRES__AUTH__USER", "POSTGRES__SSL_MODE", "POSTGRES__MAX_OPEN_CONNECTION",
     "REDIS__PORT", "REDIS__DB", "REDIS__AUTH__PASSWORD", "CRYPTO__ROOT", "INTEGRATION_CRYPTO_KEY", "EGRESS__ALLOW"],
)  # fmt: skip
def test_promised_names_are_taken(name: str) -> None:
    given = {"POSTGRES__SSL_MODE": "require"}.get(name, "7")
    assert load({name: given}) != load({})
