"""Google's SDK for its two hosts, against the lab."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from lab import Lab

TLS = ssl.create_default_context()
"""Each client would make one of its own, which takes longer than a test."""

WEATHER = types.FunctionDeclaration(
    name="get_weather",
    description="The weather in a city",
    parameters_json_schema={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    },
)
CLOCK = types.FunctionDeclaration(name="now", description="The time")
TOOLS = [types.Tool(function_declarations=[WEATHER, CLOCK])]


@contextlib.asynccontextmanager
async def sdk(lab: Lab, host: str, version: str, **account: Any) -> AsyncIterator[genai.client.AsyncClient]:
    with httpx.Client(verify=TLS, timeout=60) as unused:
        async with httpx.AsyncClient(verify=TLS, timeout=60) as http:
            options = types.HttpOptions(
                base_url=lab.url(host, version=""),
                api_version=version,
                httpx_client=unused,
                httpx_async_client=http,
                async_client_args={"ssl": TLS},
            )
            yield genai.Client(**account, http_options=options).aio


def config(**more: Any) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True), **more
    )


def turn(*parts: types.Part, role: str = "user") -> types.Content:
    return types.Content(role=role, parts=list(parts))


def text(said: str) -> types.Part:
    return types.Part(text=said)


def refused(status: int, words: str = "") -> Any:
    return pytest.raises(errors.APIError, match=rf"(?s)^{status} .*{words}")


async def told(client: genai.client.AsyncClient, **asked: Any) -> list[types.GenerateContentResponse]:
    return [chunk async for chunk in await client.models.generate_content_stream(**asked)]


def parts_of(chunks: list[types.GenerateContentResponse]) -> list[types.Part]:
    return [part for chunk in chunks for part in chunk.candidates[0].content.parts]
