"""Which models a project can use: every provider it has a credential for is asked, and remembered."""

import asyncio

from integration_api.core.errors import Failure
from integration_api.core.llm import Usage
from integration_api.core.models import ModelInfo
from integration_api.core.records import CredentialRecord
from integration_api.providers import PROVIDERS
from integration_api.services import clock
from integration_api.services.call import Calls, Ending, Origin
from integration_api.services.catalogue import Catalogue
from integration_api.services.target import Target
from integration_api.services.unary import Unary, unsupported

FRESH_SECONDS = 300.0
"""Vendors add models weekly; asking each of them for every list would be rude and slow."""


class ModelService:
    """Lists models per credential, from memory while fresh, and from stale memory when a provider fails."""

    def __init__(self, calls: Calls, unary: Unary, catalogue: Catalogue) -> None:
        self._calls = calls
        self._unary = unary
        self._catalogue = catalogue

    async def of(self, origin: Origin, target: Target) -> tuple[ModelInfo, ...]:
        """Return the models of one provider as one credential sees them. Raises `Failure`."""
        capability = target.provider.models
        if capability is None:
            raise unsupported(target, "models")
        call = await self._calls.open(origin, target, "models")
        provider, account = target.provider, call.account
        known = self._catalogue.listed(provider, account)
        with Ending(call):
            if known is None or clock.perf() - known.asked_at > FRESH_SECONDS:
                try:
                    models = await self._unary.drive(call, capability(call.credential))
                except Failure:
                    if known is None:
                        raise
                else:
                    known = self._catalogue.learn(provider, call.credential, account, models)
            call.done(Usage())
            return known.models

    async def everywhere(
        self, origin: Origin, credentials: list[CredentialRecord]
    ) -> tuple[list[tuple[str, ModelInfo]], list[str]]:
        """Return (provider, model) pairs for all of `credentials`, and who could not be asked and why."""
        # The default is asked, as it would be for an answer.
        wanted = {
            record.provider: record.id for record in sorted(credentials, key=lambda record: record.default)
        }
        targets = [
            Target(provider, "*", wanted.get(name))
            for name, provider in PROVIDERS.items()
            if provider.models is not None and (name in wanted or not provider.needs_credential)
        ]
        answers = await asyncio.gather(
            *(self.of(origin, target) for target in targets), return_exceptions=True
        )
        found: list[tuple[str, ModelInfo]] = []
        trouble: list[str] = []
        for target, answer in zip(targets, answers, strict=True):
            if isinstance(answer, Failure):
                trouble.append(f"{target.provider.name}: {answer.code}")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found.extend((target.provider.name, model) for model in answer)
        return found, trouble
