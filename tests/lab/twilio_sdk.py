"""Twilio's SDK, pointed at the lab."""

from typing import Any

from twilio.http.http_client import TwilioHttpClient

from lab import Lab


class Rewritten(TwilioHttpClient):
    """Sends the SDK's requests to the lab; it knows no other address than Twilio's."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self._home = lab.url("twilio", version="")

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._home), *args, **kwargs)
