"""Which browser pages may call: none, unless the operator lists their origins.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from integration_api.edge.application import Headers, Response

ALLOW_HEADERS = (
    b"authorization, content-type, x-api-key, api-key, x-auth-id, x-project-id, x-request-id, "
    b"x-credential-id, x-integration-provider, x-integration-credential, x-integration-model, "
    b"x-integration-strict, x-grpc-web, x-user-agent, grpc-timeout, anthropic-version, anthropic-beta, "
    b"x-client-source, x-rapida-environment, x-rapida-region, x-org-key, "
    b"cache-control, access-control-allow-origin"
)
"""The last two say nothing in a request; pages of the platform send them all the same."""
EXPOSE_HEADERS = (
    b"x-request-id, x-integration-provider, x-integration-credential, x-integration-model, "
    b"x-integration-warnings, server-timing, retry-after, grpc-status, grpc-message, grpc-status-details-bin"
)
MAX_AGE = b"7200"
"""Two hours: the longest Chromium honours."""


class Cors:
    """Answers preflights and marks answers, for allow-listed origins only, without credentials mode."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, request: Headers) -> list[tuple[bytes, bytes]]:
        """Return what an answer to this request must carry; nothing for origins not on the list."""
        origin = request.get(b"origin")
        if origin is None or not self.allows(origin):
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", EXPOSE_HEADERS),
            (b"vary", b"origin"),
        ]

    def allows(self, origin: bytes) -> bool:
        return self._any or origin in self._origins

    def preflight(self, request: Headers, methods: tuple[str, ...]) -> Response:
        """Answer OPTIONS: 204 with permissions, or without them."""
        headers = self.headers(request)
        if headers:
            headers += [
                (b"access-control-allow-methods", ", ".join(methods).encode()),
                (b"access-control-allow-headers", ALLOW_HEADERS),
                (b"access-control-max-age", MAX_AGE),
            ]
        return Response(204, [*headers, (b"allow", ", ".join((*methods, "OPTIONS")).encode())])
