"""What stands behind a deployment's name, which its owner chose and which tells nothing.

https://learn.microsoft.com/azure/ai-foundry/openai/how-to/create-resource#deploy-a-model
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from integration_api.core.credential import Credential, CredentialField, unusable

DEPLOYMENTS = CredentialField(
    "deployments", "Deployments and their models, as a JSON object", secret=False, required=False
)
BASE_MODEL = "base_model"
"""The option by which a single call says it."""

_READ = msgspec.json.Decoder(dict[str, str])


def deployments(credential: Credential) -> Mapping[str, str]:
    """Return the deployments that the credential names, each with its model. Raises `Failure`."""
    return _read(credential.fields.get(DEPLOYMENTS.name, "") or "{}")


def base_model(deployment: str, extras: Mapping[str, Any], credential: Credential) -> str:
    """Return the model behind a deployment, "" where nobody says it. Raises `Failure`."""
    told = extras.get(BASE_MODEL)
    return told if isinstance(told, str) else deployments(credential).get(deployment, "")


def known_as(deployment: str, extras: Mapping[str, Any], credential: Credential) -> tuple[str, str]:
    """Say whose model a deployment is: OpenAI's, by its base model's name; "" where nobody says it."""
    return "openai", base_model(deployment, extras, credential)


def without_base_model(extras: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options that are Azure's."""
    return {name: value for name, value in extras.items() if name != BASE_MODEL}


@lru_cache(maxsize=256)
def _read(text: str) -> Mapping[str, str]:
    try:
        return _READ.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise unusable(
            DEPLOYMENTS.name, 'it is an object of deployments and models: {"my-deployment": "gpt-5.6-sol"}'
        ) from None
