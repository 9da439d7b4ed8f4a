"""What an operator may set: environment variables, a file named by ENV_PATH, and nothing else.

Names are nested with `__` (`POSTGRES__HOST`). The environment wins over the file.
An unknown or malformed setting stops the start with one line that names it.
"""

import math
import os
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Struct

LAST_PORT = 65535


class SettingsError(Exception):
    """A setting is unknown, malformed or impossible; the message is one line for the operator."""


class DatabaseAuth(Struct, frozen=True, forbid_unknown_fields=True):
    user: str = "integration"
    password: str = ""


class Postgres(Struct, frozen=True, forbid_unknown_fields=True):
    """Host unset: SQLite at DATA_DIR/integration.db."""

    host: str = ""
    port: int = 5432
    db_name: str = "integration_db"
    auth: DatabaseAuth = DatabaseAuth()
    ssl_mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    max_open_connection: int = 10
    """Connections of one worker. A chat holds none: only stores and lists do."""
    max_ideal_connection: int = 2
    """The platform's files set it and nothing reads it: what is idle is closed after five minutes."""


class RedisAuth(Struct, frozen=True, forbid_unknown_fields=True):
    user: str = ""
    password: str = ""


class Redis(Struct, frozen=True, forbid_unknown_fields=True):
    """Host unset: an in-process cache."""

    host: str = ""
    port: int = 6379
    db: int = 0
    auth: RedisAuth = RedisAuth()
    max_connection: int = 10
    """The platform's files set it and nothing reads it: calls at once share what connections they need."""
    max_db: int = 0
    """The platform's files set it and nothing reads it."""
    insecure_skip_verify: bool = False
    """The platform's files set it and nothing reads it: Redis is spoken to without TLS, and holds ciphertext only."""


class Crypto(Struct, frozen=True, forbid_unknown_fields=True):
    root: str = ""
    """Empty: INTEGRATION_CRYPTO_KEY if set, else file:./keys/root.json."""


class Egress(Struct, frozen=True, forbid_unknown_fields=True):
    allow: str = ""
    """CIDRs or host[:port], separated by commas, that the egress guard lets through."""
    allow_http: bool = False
    """Whether providers may be spoken to without TLS: for gateways on the same machine, and the lab."""

    @property
    def allowed(self) -> tuple[str, ...]:
        return tuple(entry.strip() for entry in self.allow.split(",") if entry.strip())


class Cors(Struct, frozen=True, forbid_unknown_fields=True):
    origins: str = ""
    """Browser origins, separated by commas. None are allowed by default."""

    @property
    def allowed(self) -> frozenset[str]:
        return frozenset(entry.strip() for entry in self.origins.split(",") if entry.strip())


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    cert: str = ""
    key: str = ""


class Platform(Struct, frozen=True, forbid_unknown_fields=True):
    """How callers are known whom the platform vouches for."""

    strict_service_tokens: bool = False
    """Take only service tokens that say who made them, for whom and when (the platform's release 3): off,
    those of older services are taken, too."""
    auth_seconds: float = 3.0
    """How long WEB_HOST may take to say who a key or token belongs to."""
    auth_cache_seconds: float = 30.0
    """How long its answer is believed: a key revoked there is good here for so long."""


class Vault(Struct, frozen=True, forbid_unknown_fields=True):
    plaintext_services: str = ""
    """Services of the platform, by the names in their tokens and separated by commas, to which VaultService
    gives secrets; `legacy` is any whose token has no name. Everybody else gets none."""

    @property
    def trusted(self) -> frozenset[str]:
        return frozenset(entry.strip() for entry in self.plaintext_services.split(",") if entry.strip())


class Audit(Struct, frozen=True, forbid_unknown_fields=True):
    spool_bytes: int = 1 << 30
    """What may wait on disk while the database is away; beyond it calls are refused, none is lost."""
    batch: int = 500
    """Records stored in one transaction."""
    ship_seconds: float = 0.2
    """How often waiting records are stored: a caller sees its record within about this time."""
    sync_seconds: float = 0.005
    """How long a record may be in the page cache before fdatasync: it outlives the process at once,
    and a power cut after this."""
    content: bool = False
    """Keep what was asked and answered beside each record, encrypted: whoever may read the audit may read it."""
    content_days: float = 30.0
    """How long it is kept; records stay."""
    content_bytes: int = 256 << 10
    """The longest request or answer that is kept whole; of a longer one the beginning."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    body_bytes: int = 10 << 20
    """Of one request: a chat with pictures in it. A larger one is refused before it is read."""
    upload_bytes: int = 25 << 20
    """Of one file of sound that is uploaded to be written down: what OpenAI takes."""
    header_seconds: float = 10.0
    """From a request's first byte to its head's end: a browser takes milliseconds, an attacker all there is."""
    connections: int = 10_000
    """Open connections of one worker, above which new ones are closed at once."""
    requests: int = 2_000
    """Calls in flight in one worker, above which new ones get 503: memory stays bounded."""
    verifications_per_minute: int = 10
    """Credential checks of one organization: verifying must not become an oracle for stolen keys."""


class Upstream(Struct, frozen=True, forbid_unknown_fields=True):
    connect_seconds: float = 3.0
    """Name lookup, and again TCP with TLS: several round trips around the world take one second."""
    first_byte_seconds: float = 600.0
    """A reasoning model may think for minutes before it says a word."""
    idle_seconds: float = 30.0
    """Silence in mid-answer after which a provider is given up: they ping more often than this."""
    total_seconds: float = 3600.0
    """One call with its retries and polls, however alive it looks."""
    retries: int = 2
    """How often a call that failed before its first byte is tried again."""
    ca_file: str = ""
    """Extra certificate authorities to trust, for private gateways and tests."""


class Voice(Struct, frozen=True, forbid_unknown_fields=True):
    """Live speech (docs/voice.md)."""

    warm_sockets: int = 1
    """Sockets that wait for the next text, for each credential and voice in use; 0 keeps none. An open socket
    may count against the tenant's limit at the provider."""


class Telephony(Struct, frozen=True, forbid_unknown_fields=True):
    """Telephone calls (docs/telephony.md)."""

    public_url: str = ""
    """Where carriers reach this service, as https://voice.example.com; unset, no calls are made or taken. Their
    signatures are over it, so it must be what they see, whatever proxies stand between."""
    peer_url: str = ""
    """Where the other replicas reach this machine's port, as https://10.0.0.7:9004, and no other machine's: calls whose
    sound comes here can be attached to at each of them. Unset, at this machine only."""
    exotel_addresses: str = ""
    """CIDRs, separated by commas, that Exotel calls from: it signs nothing. Unset refuses all of its requests."""
    trusted_proxies: str = ""
    """CIDRs, separated by commas, of the proxies whose x-forwarded-for is believed; unset, nobody's is."""
    replay_seconds: float = 300.0
    """How old a signed request may be, by its own word: carriers send again for about as long."""
    detach_seconds: float = 30.0
    """How long a call goes on whose caller has detached: long enough to attach again, short enough for whoever
    waits in silence."""
    lease_seconds: float = 3.0
    """How long one process is the only one that dials with a credential without saying so again: after a crash
    another goes on this much later."""
    doubt_seconds: float = 5.0
    """How long after a crash a call that may have been dialed is looked for at its carrier, before it is again."""
    stale_seconds: float = 300.0
    """How long a call under way may be without news before its carrier is asked."""
    calls_days: float = 90.0
    """How long a call that is over is kept with its story: a quarter, as for a carrier's bill. Batches go with the
    last of their calls; audit records stay. 0 keeps all for ever."""

    @property
    def url(self) -> str:
        return self.public_url.rstrip("/")

    @property
    def peer(self) -> str:
        return self.peer_url.rstrip("/")


class Models(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of models (docs/models.md)."""

    file: str = ""
    """A TOML file with what the operator knows of models: it wins over every list and what is shipped."""
    live_seconds: float = 86_400.0
    """How long a provider's own list of models is believed after it was last asked for."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set, with its default."""

    host: str = "0.0.0.0"  # noqa: S104 - a service listens where callers are
    """Address to listen on."""
    port: int = 9004
    """Of REST, gRPC, gRPC-Web and WebSocket alike; 0 is any that is free."""
    workers: int = 1
    """Processes that share the port: one for each core that is to be used."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """`debug` tells of every request."""
    env: str = ""
    service_name: str = "integration-api"
    """The platform's files set it and nothing reads it."""
    version: str = ""
    """The platform's files set it and nothing reads it."""
    secret: str = ""
    """Shared HS256 secret of internal service tokens; unset refuses such tokens."""
    postgres: Postgres = Postgres()
    redis: Redis = Redis()
    web_host: str = ""
    """`host:port` of the platform's web-api, where `x-api-key` and user tokens are resolved over gRPC; unset,
    only keys of our own and service tokens are taken."""
    data_dir: str = "./data"
    """SQLite and records that wait to be stored; each replica has a folder of its own, unless they share SQLite."""
    bootstrap_api_key: str = ""
    """`iak_` and at least 32 characters: on the first start the admin key, in place of one that is printed."""
    drain_seconds: float = 30.0
    """How long streams may go on after SIGTERM."""
    crypto: Crypto = Crypto()
    integration_crypto_key: str = ""
    egress: Egress = Egress()
    cors: Cors = Cors()
    tls: Tls = Tls()
    platform: Platform = Platform()
    vault: Vault = Vault()
    audit: Audit = Audit()
    limits: Limits = Limits()
    upstream: Upstream = Upstream()
    models: Models = Models()
    voice: Voice = Voice()
    telephony: Telephony = Telephony()

    @property
    def root_key(self) -> str:
        """Where the root key lives, as `scheme:rest`."""
        if self.crypto.root:
            return self.crypto.root
        return "env:INTEGRATION_CRYPTO_KEY" if self.integration_crypto_key else "file:./keys/root.json"

    @property
    def production(self) -> bool:
        return self.env.strip().lower() in {"production", "prod"}

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir)

    def __repr__(self) -> str:
        return "Settings(***)"


PLATFORM_ONLY = frozenset({
    "integration_host", "endpoint_host", "assistant_host", "document_host", "ui_host", "service_id",
    "integration", "endpoint", "assistant", "document", "ui", "asset_store", "oauth_callback_url",
    "crypto_algorithm", "google_oauth_client_id", "google_oauth_client_secret",
    "github_oauth_client_id", "github_oauth_client_secret", "sendgrid_api_key",
})  # fmt: skip
"""Settings of the platform's own files that mean nothing here and must not stop the start."""


LEVELS = {"warn": "warning", "dpanic": "error", "panic": "error", "fatal": "error"}
"""The platform's words for levels, where they are not ours."""
WELL_KNOWN_SECRETS = frozenset(
    {"rpd_pks", "secret", "changeme", "change-me", "change_me", "password", "test"}
)
"""The platform's own default, and what people write instead: whoever knows it is every service at once."""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this process. Raises `SettingsError`."""
    environ = os.environ if environ is None else environ
    tree: dict[str, Any] = {}
    if path := environ.get("ENV_PATH"):
        _merge(tree, _read_file(Path(path)))
    _merge(tree, _nest(environ, ours_only=True))
    for name in PLATFORM_ONLY:
        tree.pop(name, None)
    if isinstance(postgres := tree.get("postgres"), dict):
        postgres.pop("slc_cache", None)
    if isinstance(web := tree.pop("web", None), dict) and "host" in web:
        tree.setdefault("web_host", web["host"])
    if isinstance(level := tree.get("log_level"), str):
        tree["log_level"] = LEVELS.get(level.lower(), level.lower())
    try:
        settings = msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error))) from None
    _check(settings)
    return settings


MAY_BE_ZERO = frozenset({
    "PORT", "DRAIN_SECONDS", "REDIS__DB", "REDIS__MAX_DB", "POSTGRES__MAX_IDEAL_CONNECTION", "UPSTREAM__RETRIES",
    "AUDIT__SYNC_SECONDS", "PLATFORM__AUTH_CACHE_SECONDS", "MODELS__LIVE_SECONDS",
    "VOICE__WARM_SOCKETS", "TELEPHONY__CALLS_DAYS",
})  # fmt: skip


def _check(settings: Settings) -> None:
    for name, value in _numbers(settings, ""):
        if not math.isfinite(value) or value < 0 or (value == 0 and name not in MAY_BE_ZERO):
            least = "0 or more" if name in MAY_BE_ZERO else "more than 0"
            raise SettingsError(f"{name} must be {least}, not {value}")
        if name.endswith("PORT") and value > LAST_PORT:
            raise SettingsError(f"{name} must be between 0 and {LAST_PORT}, not {value}")
    if bool(settings.tls.cert) != bool(settings.tls.key):
        raise SettingsError("TLS__CERT and TLS__KEY go together: set both or neither")
    if settings.production and settings.secret.lower() in WELL_KNOWN_SECRETS:
        raise SettingsError(
            "SECRET is a published default: with ENV=production give every service of the platform a random one"
        )
    _check_telephony(settings)
    key = settings.bootstrap_api_key
    if key and (not key.startswith("iak_") or len(key) < 36 or not key.isascii() or not key.isprintable()):
        raise SettingsError("BOOTSTRAP_API_KEY must be iak_ and at least 32 printable ASCII characters")


def _check_telephony(settings: Settings) -> None:
    telephony = settings.telephony
    for name in ("exotel_addresses", "trusted_proxies"):
        for part in getattr(telephony, name).split(","):
            try:
                if part.strip():
                    ip_network(part.strip())
            except ValueError as error:
                raise SettingsError(f"TELEPHONY__{name.upper()}: {error}") from None
    if telephony.peer_url and (_address(telephony.peer) is None or telephony.peer.count("/") > len("//")):
        raise SettingsError(
            "TELEPHONY__PEER_URL must be an address such as https://10.0.0.7:9004, without a path"
        )
    if not telephony.public_url:
        return
    parts = _address(telephony.url)
    if parts is None:
        raise SettingsError("TELEPHONY__PUBLIC_URL must be an address such as https://voice.example.com")
    if parts.scheme == "http" and not settings.egress.allow_http:
        raise SettingsError(
            "TELEPHONY__PUBLIC_URL must begin with https://; carriers send what is confidential"
        )


def _address(url: str) -> SplitResult | None:
    """Return the parts of an address of http or https, None for anything else."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    if not usable or parts.query or parts.fragment or parts.scheme not in ("http", "https"):
        return None
    return parts


def _numbers(values: Struct, prefix: str) -> Iterator[tuple[str, float]]:
    for field in values.__struct_fields__:
        value = getattr(values, field)
        if isinstance(value, Struct):
            yield from _numbers(value, f"{prefix}{field.upper()}__")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + field.upper(), value


def _read_file(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - most starts have no file to read
    from dotenv import dotenv_values  # noqa: PLC0415

    try:
        if path.suffix in {".yml", ".yaml"}:
            tree = yaml.safe_load(path.read_text()) or {}
            if not isinstance(tree, dict):
                raise SettingsError(f"ENV_PATH: {path} must hold a mapping of settings")
            return _lower(tree)
        with path.open() as lines:
            values = dotenv_values(stream=lines, interpolate=False)
        return _nest({name: value or "" for name, value in values.items()}, ours_only=False)
    except OSError as error:
        raise SettingsError(f"ENV_PATH: {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise SettingsError(f"ENV_PATH: {path} is not valid YAML") from None


def _lower(tree: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(name).lower(): _lower(value) if isinstance(value, dict) else value
        for name, value in tree.items()
        if value is not None
    }


def _nest(variables: Mapping[str, str], *, ours_only: bool) -> dict[str, Any]:
    """Turn `A__B=c` into `{a: {b: c}}`; of the environment, only names that could be ours."""
    groups = {
        name.upper()
        for name, value in msgspec.structs.asdict(Settings()).items()
        if isinstance(value, Struct)
    }
    flat = {name.upper() for name in Settings.__struct_fields__}
    tree: dict[str, Any] = {}
    for name, value in variables.items():
        first, *rest = name.split("__")
        if ours_only and not (name in flat - groups or (rest and first in groups)):
            continue
        if value == "":
            continue
        node = tree
        for step in (first, *rest[:-1]):
            node = node.setdefault(step.lower(), {}) if rest else node
        node[(rest[-1] if rest else first).lower()] = value
    return tree


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _explain(problem: str) -> str:
    """Turn msgspec's path (`$.postgres.port`) into the name an operator set (`POSTGRES__PORT`)."""
    what, _, path = problem.partition(" - at `$")
    steps = path.strip("`.").split(".") if path else []
    if "unknown field" in what:
        steps.append(what.rsplit("`", 2)[1])
        what = "is not a setting"
    name = "__".join(step.upper() for step in steps if step)
    return f"{name}: {what}" if name else what
