"""A credential is good, or it is said why not: by words for people, and by one word for programs."""

from typing import Any

import pytest

from tests.e2e.conftest import base_url, value
from tests.e2e.service import Service

PROVIDERS = (
    "openai", "anthropic", "gemini", "vertexai", "azure-openai", "bedrock", "cohere", "mistral", "huggingface",
    "replicate", "voyageai",
)  # fmt: skip
NOWHERE = "http://127.0.0.1:9"
GOOD_ALL_THE_SAME = {("bedrock", "forbidden"), ("openai", "forbidden"), ("huggingface", "noquota")}
"""Keys that may call models and not list them; and Hugging Face, when asked whose a token is, speaks of no money."""
NO_VERDICT = {("voyageai", "noquota")}
"""Who has not paid there is asked to come more slowly: the key is known, and tried again later."""


def verified(
    service: Service, lab: str, provider: str, key: str, address: str | None = None
) -> tuple[int, dict[str, Any]]:
    """Ask whether a credential is good. What the key says of itself, AWS's key ID and Google's account say, too."""
    held = value(lab, provider, f"{key}@p1.iam.gserviceaccount.com") or {"key": key}
    if "access_key_id" in held:
        held = {**held, "access_key_id": key}
    held = {**held, "base_url": base_url(lab, provider) if address is None else address}
    return service.call("POST", "/v1/credentials/verify", {"provider": provider, "value": held})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_outcome_has_a_word(service: Service, lab: str, provider: str) -> None:
    assert verified(service, lab, provider, "lab-key-0123456789abcdef")[0] == 200
    for word, outcome in (("invalid", "invalid"), ("forbidden", "no_permission"), ("noquota", "no_quota")):
        status, answer = verified(service, lab, provider, f"lab-{word}-0123456789abcdef")
        if (provider, word) in GOOD_ALL_THE_SAME:
            assert status == 200
            continue
        if (provider, word) in NO_VERDICT:
            assert (status, answer["error"]["code"]) == (429, "rate_limited")
            continue
        assert (status, answer["error"]["code"]) == (422, "credential_invalid"), answer
        assert (answer["error"]["outcome"], answer["error"]["retryable"]) == (outcome, False)
    elsewhere = f"{base_url(lab, provider)}/nowhere"
    status, answer = verified(service, lab, provider, "lab-key-0123456789abcdef", elsewhere)
    assert (status, answer["error"]["outcome"]) == (422, "wrong_region_or_endpoint"), answer
    status, answer = verified(service, lab, provider, "lab-key-0123456789abcdef", NOWHERE)
    assert (status, answer["error"]["code"]) == (502, "upstream_unreachable"), answer
    assert "outcome" not in answer["error"], "nobody has said that it is no good"


TWILIO = {
    "lab-token": (200, None),
    "lab-invalid": (422, "invalid"),
    "lab-forbidden": (422, "no_permission"),
    "lab-noquota": (422, "no_permission"),
}
"""An account that is suspended may do nothing, whyever it is."""


@pytest.mark.parametrize("token", TWILIO)
@pytest.mark.parametrize("by", ["account_token", "api_key_secret"])
def test_twilios_account_or_key_is_good_or_not(service: Service, lab: str, by: str, token: str) -> None:
    # An account of its own for each: the lab's Twilio keeps to the first token that an account came with.
    account = f"AC{token.encode().hex():0>32}"
    held = {"account_sid": account, "base_url": f"{lab}/twilio", by: f"{token}-0123456789abcdef"}
    if by == "api_key_secret":
        held["api_key_sid"] = "SK0"
    status, answer = service.call("POST", "/v1/credentials/verify", {"provider": "twilio", "value": held})
    expected = TWILIO[token]
    if (by, token) == ("api_key_secret", "lab-noquota"):
        expected = (200, None)  # Keys do not speak of the account.
    assert (status, answer.get("error", {}).get("outcome")) == expected, answer


def test_half_a_credential_of_twilios_says_what_it_lacks(service: Service) -> None:
    whole = {"account_sid": "AC1", "account_token": "lab-token-0123456789abcdef"}
    for wrong, param in (({"region": "ie1"}, "edge"), ({"account_token": ""}, "account_token")):
        asked = {"provider": "twilio", "value": {**whole, **wrong}}
        status, answer = service.call("POST", "/v1/credentials/verify", asked)
        assert (status, answer["error"]["param"]) == (400, param), answer
