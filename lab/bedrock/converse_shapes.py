"""The shape of a request to Converse (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html)."""

from lab.bedrock.shapes import Anything, Blob, Flag, Items, Number, Shape, Structure, Table, Text, Union

_OBJECT = Anything((dict,))
_NAME = Text(1, 64, r"[a-zA-Z0-9_-]+")
_ID = Text(1, 64, r"[a-zA-Z0-9_.:-]+")
_NOT_EMPTY = Text(1)
_COUNT = Number(0, whole=True)

_S3 = Structure(
    {
        "uri": Text(1, 1024, r"s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/.*)?"),
        "bucketOwner": Text(form=r"[0-9]{12}"),
    },
    ("uri",),
)
_HELD: dict[str, Shape] = {"bytes": Blob(), "s3Location": _S3}
_ENABLED = Structure({"enabled": Flag()}, ("enabled",))
_CACHE_POINT = Structure({"type": Text(choices=("default",)), "ttl": Text(choices=("5m", "1h"))}, ("type",))


def _media(*formats: str) -> Structure:
    return Structure({"format": Text(choices=formats), "source": Union(_HELD)}, ("format", "source"))


_IMAGE = _media("png", "jpeg", "gif", "webp")
_VIDEO = _media("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp")
_AUDIO = _media(
    "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga", "pcm", "webm"
)  # fmt: skip
_DOCUMENT = Structure(
    {
        "format": Text(choices=("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")),
        "name": Text(1, 200),
        "source": Union({**_HELD, "text": Text(), "content": Items(Union({"text": Text()}))}),
        "context": Text(),
        "citations": _ENABLED,
    },
    ("name", "source"),
)
_SEARCH_RESULT = Structure(
    {
        "source": Text(),
        "title": Text(),
        "content": Items(Structure({"text": Text()}, ("text",))),
        "citations": _ENABLED,
    },
    ("source", "title", "content"),
)
_TOOL_USE = Structure(
    {"toolUseId": _ID, "name": _NAME, "input": _OBJECT, "type": Text(choices=("server_tool_use",))},
    ("toolUseId", "name", "input"),
)
_TOOL_RESULT = Structure(
    {
        "toolUseId": _ID,
        "content": Items(
            Union(
                {
                    "json": Anything(),
                    "text": Text(),
                    "image": _IMAGE,
                    "document": _DOCUMENT,
                    "video": _VIDEO,
                    "searchResult": _SEARCH_RESULT,
                }
            )
        ),
        "status": Text(choices=("success", "error")),
        "type": Text(),
    },
    ("toolUseId", "content"),
)


def _place(*fields: str) -> Structure:
    return Structure(dict.fromkeys(fields, _COUNT))


_LOCATION = Union(
    {
        "web": Structure({"url": Text(), "domain": Text()}),
        "documentChar": _place("documentIndex", "start", "end"),
        "documentPage": _place("documentIndex", "start", "end"),
        "documentChunk": _place("documentIndex", "start", "end"),
        "searchResultLocation": _place("searchResultIndex", "start", "end"),
    }
)
_CITATION = Structure(
    {
        "title": Text(),
        "source": Text(),
        "sourceContent": Items(Union({"text": Text()})),
        "location": _LOCATION,
    }
)
_GUARDED_TEXT: dict[str, Shape] = {
    "text": Structure(
        {
            "text": Text(),
            "qualifiers": Items(Text(choices=("grounding_source", "query", "guard_content"))),
        },
        ("text",),
    )
}
_GUARDED = Union(
    {
        **_GUARDED_TEXT,
        "image": Structure(
            {"format": Text(choices=("png", "jpeg")), "source": Union({"bytes": Blob()})},
            ("format", "source"),
        ),
    }
)
_BLOCK = Union(
    {
        "text": Text(),
        "image": _IMAGE,
        "document": _DOCUMENT,
        "video": _VIDEO,
        "audio": _AUDIO,
        "toolUse": _TOOL_USE,
        "toolResult": _TOOL_RESULT,
        "guardContent": _GUARDED,
        "cachePoint": _CACHE_POINT,
        "reasoningContent": Union(
            {
                "reasoningText": Structure({"text": Text(), "signature": Text()}, ("text",)),
                "redactedContent": Blob(),
            }
        ),
        "citationsContent": Structure(
            {"content": Items(Union({"text": Text()})), "citations": Items(_CITATION)}
        ),
        "searchResult": _SEARCH_RESULT,
    }
)
_TOOL = Union(
    {
        "toolSpec": Structure(
            {
                "name": _NAME,
                "description": _NOT_EMPTY,
                "inputSchema": Union({"json": _OBJECT}),
                "strict": Flag(),
            },
            ("name", "inputSchema"),
        ),
        "systemTool": Structure({"name": _NAME}, ("name",)),
        "cachePoint": _CACHE_POINT,
    }
)
_NOTHING = Structure({})
_WORD = r"[a-zA-Z0-9\s:_@$#=/+,.-]"
_GUARDRAIL: dict[str, Shape] = {
    "guardrailIdentifier": Text(
        most=2048, form=r"[a-z0-9]+|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+"
    ),
    "guardrailVersion": Text(form=r"[1-9][0-9]{0,7}|DRAFT"),
    "trace": Text(choices=("enabled", "disabled", "enabled_full")),
}
MESSAGES: dict[str, Shape] = {
    "messages": Items(
        Structure(
            {"role": Text(choices=("user", "assistant", "system")), "content": Items(_BLOCK)},
            ("role", "content"),
        )
    ),
    "system": Items(
        Union({"text": _NOT_EMPTY, "guardContent": Union(_GUARDED_TEXT), "cachePoint": _CACHE_POINT})
    ),
    "toolConfig": Structure(
        {
            "tools": Items(_TOOL, 1),
            "toolChoice": Union(
                {"auto": _NOTHING, "any": _NOTHING, "tool": Structure({"name": _NAME}, ("name",))}
            ),
        },
        ("tools",),
    ),
    "additionalModelRequestFields": _OBJECT,
}
_COMMON: dict[str, Shape] = MESSAGES | {
    "inferenceConfig": Structure(
        {
            "maxTokens": Number(1, whole=True),
            "temperature": Number(0, 1),
            "topP": Number(0, 1),
            "stopSequences": Items(_NOT_EMPTY, 0, 2500),
        }
    ),
    "promptVariables": Table(Text(), Union({"text": Text()})),
    "additionalModelResponseFieldPaths": Items(Text(1, 256), 0, 10),
    "requestMetadata": Table(Text(1, 256, f"{_WORD}{{1,256}}"), Text(0, 256, f"{_WORD}{{0,256}}"), 1, 16),
    "performanceConfig": Structure({"latency": Text(choices=("standard", "optimized"))}),
    "serviceTier": Structure({"type": Text(choices=("priority", "default", "flex", "reserved"))}, ("type",)),
    "outputConfig": Structure(
        {
            "textFormat": Structure(
                {
                    "type": Text(choices=("json_schema",)),
                    "structure": Union(
                        {
                            "jsonSchema": Structure(
                                {"schema": Text(), "name": Text(), "description": Text()}, ("schema",)
                            )
                        }
                    ),
                },
                ("type", "structure"),
            ),
            "effort": Text(0, 16),
        }
    ),
}
CONVERSE = Structure({**_COMMON, "guardrailConfig": Structure(_GUARDRAIL)})
CONVERSE_STREAM = Structure(
    {
        **_COMMON,
        "guardrailConfig": Structure({**_GUARDRAIL, "streamProcessingMode": Text(choices=("sync", "async"))}),
    }
)
COUNTED = Structure(
    {
        "input": Union(
            {"converse": Structure(MESSAGES), "invokeModel": Structure({"body": Blob()}, ("body",))}
        )
    },
    ("input",),
)
