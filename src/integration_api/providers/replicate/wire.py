"""The fields we read of Replicate's objects. https://replicate.com/docs/reference/http"""

from typing import Any

import msgspec
from msgspec import Struct


class Urls(Struct):
    get: str | None = None
    stream: str | None = None


class Metrics(Struct):
    input_token_count: int | None = None
    output_token_count: int | None = None


class Prediction(Struct):
    id: str
    status: str
    model: str | None = None
    output: Any = None
    error: Any = None
    metrics: dict[str, Any] | None = None
    created_at: str | None = None
    urls: Urls = msgspec.field(default_factory=Urls)


class Schemas(Struct):
    schemas: dict[str, dict[str, Any]] = {}


class OpenApi(Struct):
    components: Schemas = msgspec.field(default_factory=Schemas)


class Version(Struct):
    id: str | None = None
    openapi_schema: OpenApi | None = None


class Model(Struct):
    owner: str
    name: str
    description: str | None = None
    visibility: str | None = None
    is_official: bool | None = None
    created_at: str | None = None
    latest_version: Version | None = None


class Release(Struct):
    model: str
    version: str


class Deployment(Struct):
    current_release: Release


class Collection(Struct):
    models: list[Model]


decode_prediction = msgspec.json.Decoder(Prediction)
decode_model = msgspec.json.Decoder(Model)
decode_version = msgspec.json.Decoder(Version)
decode_deployment = msgspec.json.Decoder(Deployment)
decode_collection = msgspec.json.Decoder(Collection)
