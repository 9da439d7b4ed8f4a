"""Vonage's requests to an application, signed (developer.vonage.com/en/getting-started/concepts/webhooks)."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from lab import web
from lab.carrier import Leg
from lab.http import JSON, encode
from lab.vonage import client

if TYPE_CHECKING:
    from lab.vonage import Vonage


async def ask(
    carrier: "Vonage", leg: Leg, url: str, method: str, fields: Mapping[str, Any], proof: str = "good"
) -> web.Reply:
    """One request: JSON, or a query. What of a query is signed are all its fields, as a JSON object in their order.

    Raises `OSError` when nobody answers.
    """
    if method == "GET":
        told = {name: _written(value) for name, value in fields.items() if value is not None}
        url = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(told)}"
        signed = encode(dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)))
        return await web.ask("GET", url, client.signature(leg.account, carrier.tokens, signed, proof))
    body = encode(fields)
    signature = client.signature(leg.account, carrier.tokens, body, proof)
    return await web.ask("POST", url, [("content-type", JSON), *signature], body)


def tell(
    carrier: "Vonage",
    leg: Leg,
    what: str,
    url: str,
    method: str,
    fields: Mapping[str, Any],
    answered: "asyncio.Future[web.Reply] | None" = None,
) -> None:
    """Sends a notice in its turn; nobody is told where there is no URL. `answered` gets the first answer to it."""
    if not url:
        if answered is not None:
            answered.set_result(web.Reply(204))
        return

    async def send() -> web.Reply:
        reply = await ask(carrier, leg, url, method, fields, sent.proof)
        if answered is not None and not answered.done():
            answered.set_result(reply)
        return reply

    sent = leg.notices.add(what, fields, send)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else encode(value).decode()
