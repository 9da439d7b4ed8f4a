"""Every language the laws are tried in: a module's `SPEAKERS` are found by being there."""

import importlib
import pkgutil

from tests.laws.speaker import Speaker


def _found() -> tuple[Speaker, ...]:
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    loaded = [importlib.import_module(f"{__name__}.{name}") for name in modules]
    return tuple(speaker for module in loaded for speaker in getattr(module, "SPEAKERS", ()))


SPEAKERS = _found()
