"""The models an account can use in its region, and the profiles it reaches them by.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
"""

from urllib.parse import quote

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import UNKNOWN, Capabilities, ModelInfo, modalities
from integration_api.providers.bedrock import client
from integration_api.providers.bedrock.families import bare

PAGE = 1000
"""The most profiles Bedrock lists at once."""
MAX_PAGES = 10
"""A host that never says it has told all must not keep us asking."""


class Lifecycle(Struct):
    status: str | None = None


class Model(Struct, rename="camel"):
    model_id: str
    model_name: str | None = None
    input_modalities: list[str] = []
    output_modalities: list[str] = []
    inference_types_supported: list[str] = []
    response_streaming_supported: bool | None = None
    model_lifecycle: Lifecycle | None = None


class Models(Struct, rename="camel"):
    model_summaries: list[Model] = []


class ProfileModel(Struct, rename="camel"):
    model_arn: str = ""


class Profile(Struct, rename="camel"):
    inference_profile_id: str
    inference_profile_name: str | None = None
    inference_profile_arn: str = ""
    models: list[ProfileModel] = []
    type: str | None = None
    status: str | None = None


class Profiles(Struct, rename="camel"):
    inference_profile_summaries: list[Profile] = []
    next_token: str | None = None


MODELS = msgspec.json.Decoder(Models)
PROFILES = msgspec.json.Decoder(Profiles)


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List every model and then every inference profile, each in Bedrock's order."""
    reply = yield client.look_up("/foundation-models", credential)
    listed = decode(reply, MODELS).model_summaries
    found = {model.model_id: _info(model) for model in listed}
    after = ""
    for _ in range(MAX_PAGES):
        try:
            reply = yield client.look_up(f"/inference-profiles?maxResults={PAGE}{after}", credential)
        except ProviderError as refusal:
            if refusal.kind is not Kind.PERMISSION:
                raise
            break  # Listing profiles is a right of its own.
        page = decode(reply, PROFILES)
        for profile in page.inference_profile_summaries:
            info = _profile(profile, found)
            found[info.id] = info
        if not page.next_token:
            break
        after = f"&nextToken={quote(page.next_token, safe='')}"
    return tuple(found.values())


def _info(model: Model) -> ModelInfo:
    return ModelInfo(
        id=model.model_id,
        title=model.model_name,
        kinds=_kinds(model),
        lifecycle=model.model_lifecycle.status if model.model_lifecycle else None,
        known=Capabilities(
            inputs=modalities(model.input_modalities),
            outputs=modalities(model.output_modalities),
            streaming=model.response_streaming_supported,
        ),
        native={"inference": model.inference_types_supported} if model.inference_types_supported else {},
    )


def _profile(profile: Profile, models: dict[str, ModelInfo]) -> ModelInfo:
    """Describe a profile by the model behind it; an application's own has its ARN for an id."""
    base = models.get(bare(profile.models[0].model_arn)) if profile.models else None
    application = profile.type == "APPLICATION" and profile.inference_profile_arn
    return ModelInfo(
        id=profile.inference_profile_arn if application else profile.inference_profile_id,
        title=profile.inference_profile_name,
        kinds=base.kinds if base else (),
        lifecycle=profile.status,
        known=base.known if base else UNKNOWN,
        native={**(base.native if base else {}), "models": [m.model_arn for m in profile.models]},
    )


def _kinds(model: Model) -> tuple[str, ...]:
    if "EMBEDDING" in model.output_modalities:
        return ("embedding",)
    if "rerank" in model.model_id:
        return ("rerank",)
    return ("chat",) if "TEXT" in model.output_modalities else ()
