"""Several services of one vendor at one address: what a credential's base_url reaches when it is a gateway's."""

from lab.http import Call, Provider, Response


def together(name: str, *services: Provider) -> Provider:
    """Serve all routes of `services` under one name; each answers as it does by itself."""

    def asked(call: Call) -> Provider:
        return next((one for one in services if one.find(call) is not None), services[0])

    def refusal(status: int, call: Call, words: str = "") -> Response:
        return asked(call).refusal(status, call, words)

    def stream_headers(call: Call) -> list[tuple[str, str]]:
        return asked(call).stream_headers(call)

    return Provider(
        name=name,
        routes={route: handler for one in services for route, handler in one.routes.items()},
        by_id={route: handler for one in services for route, handler in one.by_id.items()},
        refusal=refusal,
        stream_headers=stream_headers,
        example=services[-1].example.replace(services[-1].name, name),
    )
