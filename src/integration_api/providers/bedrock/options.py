"""A provider's own options, laid over a body that was rendered."""

from collections.abc import Mapping
from typing import Any

from integration_api.core.credential import Credential
from integration_api.providers.bedrock.families import bare

Body = dict[str, Any]

OURS = frozenset({"api", "base_model", "betas"})
"""Options that are no fields of any body: they say how to ask."""

AROUND = frozenset({"guardrailConfig", "performanceConfig", "requestMetadata", "serviceTier"})
"""Fields of Converse that are about no model in particular; InvokeModel has headers for them."""

CONVERSE = AROUND | {
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "inferenceConfig",
    "messages",
    "outputConfig",
    "projectIdentifier",
    "promptVariables",
    "system",
    "toolConfig",
}
"""All of Converse's fields. Any other name is the model's own."""


def native(extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are fields of a model's own body."""
    return {name: value for name, value in extras.items() if name not in OURS | AROUND}


def of_converse(extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as fields of Converse, which keeps a model's own in one of them."""
    found = {name: value for name, value in extras.items() if name in CONVERSE}
    own = {name: value for name, value in extras.items() if name not in CONVERSE | OURS}
    return merged(found, {"additionalModelRequestFields": own}) if own else found


def merged(under: Body, over: Mapping[str, Any]) -> Body:
    """Lay the caller's own options over the body, objects into objects."""
    for name, value in over.items():
        before = under.get(name)
        if isinstance(before, dict) and isinstance(value, Mapping):
            under[name] = merged(dict(before), value)
        else:
            under[name] = value
    return under


def base_model(model: str, extras: Mapping[str, Any], fields: Mapping[str, str]) -> str:
    """Return the id that tells the vendor: an ARN may hide it, and then the caller or the account must say."""
    return str(
        extras.get("base_model") or (fields.get("base_model") if model.startswith("arn:") else "") or model
    )


def known_as(model: str, extras: Mapping[str, Any], credential: Credential) -> tuple[str, str]:
    """Say whose model it is, and what it is called without geography and vendor."""
    maker, _, name = bare(base_model(model, extras, credential.fields)).partition(".")
    return ("anthropic", name) if maker == "anthropic" else ("bedrock", f"{maker}.{name}")
