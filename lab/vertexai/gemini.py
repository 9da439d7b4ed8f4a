"""Gemini on Vertex AI, tuned models included (cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference)."""

from lab.gemini import chat
from lab.gemini.fields import VERTEX
from lab.gemini.host import Host
from lab.gemini.traits import Traits, traits
from lab.http import Call, Response
from lab.vertexai import client


def found(call: Call, method: str) -> Traits:
    """The traits of a model that is known, where it is to be had: previews are in no region. Raises `Refused`."""
    client.placed(call)
    trait = traits(call.asked.base)
    regional = call.params.get("location", "global") not in ("global", "us", "eu")
    if not trait.known or trait.gemma or (regional and "preview" in call.asked.base):
        client.no_model(call)
    return trait


HOST = Host(
    name=VERTEX,
    admit=client.admit,
    find=found,
    headers=client.headers,
    stream_headers=client.stream_headers,
    dates=True,
)


def generate(call: Call) -> Response:
    """POST …:generateContent. Raises `Refused`."""
    call.model = call.params["model"]
    return chat.generate(HOST, call)


def stream(call: Call) -> Response:
    """POST …:streamGenerateContent. Raises `Refused`."""
    call.model = call.params["model"]
    return chat.stream(HOST, call)


def count_tokens(call: Call) -> Response:
    """POST …:countTokens. Raises `Refused`."""
    call.model = call.params["model"]
    return chat.count_tokens(HOST, call)
