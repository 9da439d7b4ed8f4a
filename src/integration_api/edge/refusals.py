"""Answers that the edge gives by itself: one JSON shape, whichever protocol carries it."""

from http import HTTPStatus

from integration_api.core.json import encode

REASONS = {status.value: status.phrase for status in HTTPStatus}

_WORDS = {
    400: ("invalid_request_error", "bad_request"),
    403: ("permission_error", "forbidden"),
    404: ("not_found_error", "not_found"),
    408: ("timeout_error", "request_timeout"),
    413: ("invalid_request_error", "request_too_large"),
    414: ("invalid_request_error", "uri_too_long"),
    415: ("invalid_request_error", "unsupported_media_type"),
    426: ("invalid_request_error", "upgrade_required"),
    431: ("invalid_request_error", "headers_too_large"),
    500: ("internal_error", "internal"),
    501: ("invalid_request_error", "not_implemented"),
    503: ("overloaded_error", "overloaded"),
}


class Refused(Exception):
    """A request that no handler shall see: the status and what to tell its sender."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def error_body(status: int, message: str) -> bytes:
    """Return the JSON that tells what went wrong."""
    kind, code = _WORDS[status]
    return encode({"error": {"message": message, "type": kind, "code": code}})


JSON_HEADERS = [(b"content-type", b"application/json")]

INTERNAL = error_body(500, "The service failed to answer. The fault is ours; try again.")


def refusal(status: int, message: str) -> bytes:
    """Return a whole HTTP/1.1 answer after which the connection is closed."""
    body = error_body(status, message)
    return (
        b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
        % (status, REASONS[status].encode(), len(body), body)
    )


FULL_ANSWER = refusal(503, "Too many connections. Try again.")
DRAINING_ANSWER = refusal(503, "The service is restarting. Try again.")
