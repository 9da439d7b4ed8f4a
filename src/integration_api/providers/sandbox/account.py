"""What the sandbox says of itself: any credential is good, and these are its models."""

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, HttpResponse
from integration_api.core.models import ModelInfo

NAME = "sandbox"

_MODELS = (
    ("echo", "Repeats what it is told", "chat"),
    ("reasoner", "Thinks, then repeats what it is told", "chat"),
    ("tools", "Calls the tools it is given", "chat"),
    ("embed", "Hashed words as vectors", "embedding"),
    ("rerank", "Shared words as relevance", "rerank"),
    ("moderation", "A short list of bad words", "moderation"),
)

_FAIL = "fail-"


def verify(credential: Credential) -> Exchange[None]:
    """Accept: there is nothing to be wrong about."""
    yield from ()


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List the models that have a use of their own."""
    yield from ()
    return tuple(ModelInfo(id=id, title=title, kinds=(kind,)) for id, title, kind in _MODELS)


def fault(reply: HttpResponse) -> ProviderError:
    """Return an error for a refusal, which never comes: nobody is asked."""
    return ProviderError(Kind.UPSTREAM, "the sandbox asks nobody", provider=NAME)


def raise_asked_for(model: str) -> None:
    """Raise the `ProviderError` that a `fail-<kind>` model is named after."""
    if not model.startswith(_FAIL):
        return
    try:
        kind = Kind(model.removeprefix(_FAIL))
    except ValueError:
        kinds = ", ".join(_FAIL + kind for kind in Kind)
        raise ProviderError(
            Kind.NOT_FOUND, f"the sandbox fails as one of {kinds}", provider=NAME, code="model_not_found"
        ) from None
    raise ProviderError(kind, f"the sandbox was asked to fail with {kind}", provider=NAME)
