"""What is known of each model: the operator's word, its provider's list, what is shipped; in that order.

Nobody is asked on the way of a call. A list is learned when somebody wants to see it (`services.models`),
is kept for the account that saw it and no other (deployments, fine-tuned models and limits are an account's
own), and is believed for so long; without one, what is shipped must do, and below that the rules of the
model's family, which are its dialect's. A process knows what was listed through it: its neighbours ask for
themselves.
"""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.models import LONGEST_NAME, UNKNOWN, Capabilities, ModelInfo
from integration_api.core.provider import Provider
from integration_api.providers import find
from integration_api.services import clock
from integration_api.services.target import too_long

MOST_MODELS = 50_000
"""Names of models of all accounts together that are remembered; the account that was listed longest ago goes first."""

Key: TypeAlias = tuple[str, Hashable]
"""A provider's name, and the account that its list was seen by."""


class Published(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one maker's or host's models, by the names it has for them."""

    source: str = ""
    """The maker's page that tells it."""
    noted: date | None = None
    """When it was written down."""
    models: Mapping[str, Capabilities] = {}


Book: TypeAlias = Mapping[str, Published]
"""By maker or host."""


class BadBook(Exception):
    """A file of models can not be used; the message says where it is wrong."""


def read(text: str) -> Book:
    """Read a file of models. Raises `BadBook`."""
    try:
        book = msgspec.toml.decode(text, type=dict[str, Published])
    except msgspec.DecodeError as error:
        raise BadBook(str(error)) from None
    found: dict[str, Published] = {}
    for name, published in book.items():
        provider = find(name)
        if provider is None:
            raise BadBook(f"there is no provider named {name[:64]!r}; GET /v1/providers lists them")
        if provider.name in found:
            raise BadBook(f"{provider.name} is there twice, by two of its names")
        found[provider.name] = published
    return found


def shipped() -> Book:
    """Return what this release knows."""
    return read(resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8"))


def of_operator(path: str) -> Book:
    """Return what the operator's file says; nothing without one. Raises `BadBook`."""
    if not path:
        return {}
    try:
        return read(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadBook(f"{path} can not be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


@dataclass(slots=True)
class Listed:
    """The list one account saw, and when."""

    models: tuple[ModelInfo, ...]
    known: dict[str, Capabilities]
    """By every name that asks for one of them."""
    asked_at: float


class Catalogue:
    """Says what is known of a model to whoever asks as which account."""

    def __init__(self, shipped: Book, operators: Book, *, live_seconds: float) -> None:
        self._shipped = shipped
        self._operators = operators
        self._live_seconds = live_seconds
        self._lists: dict[Key, Listed] = {}
        self._size = 0
        self._standing = lru_cache(maxsize=4096)(self._look_up)

    def known(
        self,
        provider: Provider,
        model: str,
        credential: Credential,
        account: Hashable,
        options: Mapping[str, Any] = {},
    ) -> Capabilities:
        """Return what is known of `model`; a look into two or three tables.

        Raises `Failure` as `known_as` does, and for a name that is longer than any.
        """
        maker, name = _identity(provider, model, credential, options)
        if len(name) > LONGEST_NAME:
            raise too_long("base_model")
        listed = self._lists.get((provider.name, account))
        if listed is not None and clock.perf() - listed.asked_at < self._live_seconds:
            # A deployment is listed by its own name or by its model's.
            found = listed.known.get(model) or listed.known.get(name)
            if found is not None:
                return found
        return self._standing(provider.name, model, maker, name)[2]

    def standing(self, provider: Provider, model: str) -> Capabilities:
        """Return what is known of `model` whoever asks: what the operator says and what is shipped."""
        if provider.known_as is not None:
            return UNKNOWN
        return self._standing(provider.name, model, provider.name, model)[2]

    def learn(
        self, provider: Provider, credential: Credential, account: Hashable, models: Iterable[ModelInfo]
    ) -> Listed:
        """Remember the list that an account saw, each model with all that is known of it."""

        def layered(name: str, told: Capabilities) -> Capabilities:
            operators, shipped, _ = self._standing(
                provider.name, name, *_identity(provider, name, credential, {})
            )
            return operators.over(_credible(told).over(shipped))

        told: list[ModelInfo] = []
        known: dict[str, Capabilities] = {}
        for model in models:
            routes = {name: layered(name, said) for name, said in model.routes.items()}
            info = msgspec.structs.replace(model, known=layered(model.id, model.known), routes=routes)
            told.append(info)
            known |= {**routes, info.id: info.known}
        listed = Listed(tuple(told), known, clock.perf())
        self._remember((provider.name, account), listed)
        return listed

    def listed(self, provider: Provider, account: Hashable) -> Listed | None:
        """Return the list an account last saw, however long ago."""
        return self._lists.get((provider.name, account))

    def _remember(self, key: Key, listed: Listed) -> None:
        self._forget(key)
        self._lists[key] = listed
        self._size += len(listed.known) + 1
        while self._size > MOST_MODELS and len(self._lists) > 1:
            self._forget(next(iter(self._lists)))

    def _forget(self, key: Key) -> None:
        gone = self._lists.pop(key, None)
        if gone is not None:
            self._size -= len(gone.known) + 1

    @property
    def names_kept(self) -> int:
        """How many names it knows by heart."""
        return self._standing.cache_info().currsize

    def _look_up(
        self, host: str, model: str, maker: str, name: str
    ) -> tuple[Capabilities, Capabilities, Capabilities]:
        """Return what the operator says, who may mean the model at one host; what is shipped; and both together."""
        operators = _in(self._operators, host, model).over(_in(self._operators, maker, name))
        shipped = _in(self._shipped, maker, name)
        return operators, shipped, operators.over(shipped)


def _credible(told: Capabilities) -> Capabilities:
    """Leave out a limit that nobody could keep: lists say 0 of what they do not know."""
    counts = {name: getattr(told, name) for name in ("context_window", "max_output_tokens")}
    wrong = {name: None for name, count in counts.items() if count is not None and count < 1}
    return msgspec.structs.replace(told, **wrong) if wrong else told


def _identity(
    provider: Provider, model: str, credential: Credential, options: Mapping[str, Any]
) -> tuple[str, str]:
    if provider.known_as is None:
        return provider.name, model
    return provider.known_as(model, options, credential)


_SNAPSHOT = re.compile(r"(?:[-@](?:\d{8}|\d{4}-\d\d-\d\d)|-latest|@default|-v\d+(?::\d+)?|:\d+)$", re.ASCII)
"""How a name ends that means one day's state of a model."""


def _in(book: Book, maker: str, name: str) -> Capabilities:
    """Return what a book says of a model, or of the one that `name` is a day's state of."""
    published = book.get(maker)
    if published is None:
        return UNKNOWN
    while name not in published.models:
        shorter = _SNAPSHOT.sub("", name)
        if shorter == name:
            return UNKNOWN
        name = shorter
    return published.models[name]
