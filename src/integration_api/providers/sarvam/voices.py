"""The voices Sarvam documents: it has no list to ask for. https://docs.sarvam.ai/api-reference-docs/text-to-speech

Those of `bulbul:v4-flash`, over two hundred with a part each, are named in its documents alone.
"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.core.tts import Voice

LANGUAGES = tuple(f"{one}-IN" for one in ("bn", "en", "gu", "hi", "kn", "ml", "mr", "od", "pa", "ta", "te"))
"""Each voice speaks all of them."""
SPEAKERS = {
    "bulbul:v2": ("abhilash", "anushka", "arya", "hitesh", "karun", "manisha", "vidya"),
    "bulbul:v3": (
        "aayan", "aditya", "advait", "amit", "anand", "ashutosh", "dev", "gokul", "ishita", "kabir", "kavitha", "kavya",
        "manan", "mani", "mohit", "neha", "pooja", "priya", "rahul", "ratan", "rehan", "ritu", "rohan", "roopa",
        "rupali", "shreya", "shruti", "shubh", "simran", "soham", "suhani", "sumit", "sunny", "tanya", "tarun",
        "varun", "vijay",
    ),
}  # fmt: skip


def voices(credential: Credential) -> Exchange[tuple[Voice, ...]]:
    yield from ()
    return tuple(
        Voice(id=name, name=name.capitalize(), languages=LANGUAGES, models=(model,))
        for model, names in SPEAKERS.items()
        for name in names
    )
