"""A tenant and its calls by one carrier, which the lab plays, before a service whose memory can be looked into."""

import json
import re
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.secrecy import Stage
from tests.e2e.telephones import THEIRS, until

QUICK = {"speed": 10.0}


@dataclass
class CarrierStage:
    stage: Stage
    carrier: str
    value: Mapping[str, str]
    """Of its credential."""
    number: str
    """That calls are made from."""

    def lab(self, method: str, path: str = "", body: Any = None) -> Any:
        url = f"{self.stage.lab}/_lab/carriers/{self.carrier}{path}"
        data = None if body is None else json.dumps(body).encode()
        knows = ssl.create_default_context(cafile=self.stage.service.folder / "lab.pem")
        asked = urllib.request.Request(url, method=method, data=data)
        with urllib.request.urlopen(asked, context=knows, timeout=60) as answer:
            return json.loads(answer.read())

    def phone(self, *acts: dict[str, Any], number: str = "*", **more: Any) -> None:
        self.lab("PUT", body={"phones": {number: {"acts": list(acts), **QUICK, **more}}})

    def store(self, **wrong: str) -> tuple[int, Any]:
        """Store a credential with what is `wrong`, and without what is empty."""
        value = {**self.value, "base_url": f"{self.stage.lab}/{self.carrier}", **wrong}
        held = {name: said for name, said in value.items() if said}
        asked = {"provider": self.carrier, "name": self.stage.name(), "value": held}
        return self.stage.ask("POST", "/v1/credentials", asked)

    def create(self, **more: Any) -> tuple[int, Any]:
        asked = {"provider": self.carrier, "to": THEIRS, "from": self.number, **more}
        return self.stage.ask("POST", "/v1/calls", asked)

    def route(self) -> Any:
        asked = {"provider": self.carrier, "name": "desk"}
        status, made = self.stage.ask("POST", "/v1/calls/inbound", asked)
        assert status == 201, made
        return made

    def get(self, id: str) -> Any:
        return self.stage.ask("GET", f"/v1/calls/{id}")[1]

    def story(self, id: str) -> list[Any]:
        return list(self.stage.ask("GET", f"/v1/calls/{id}/events")[1]["data"])

    def inbound(self, route: Any) -> list[Any]:
        _, found = self.stage.ask("GET", "/v1/calls?direction=inbound&limit=50")
        return [one for one in found["data"] if one["route_id"] == route["id"]]

    def refused(self) -> dict[str, float]:
        return refusals(self.carrier, self.stage.client.get("/metrics").text)

    async def ended(self, id: str) -> Any:
        over = {"completed", "busy", "no_answer", "rejected", "cancelled", "failed"}
        return await until(lambda: (call := self.get(id))["state"] in over and call)


def refusals(carrier: str, metrics: str) -> dict[str, float]:
    """Return how many webhooks were refused, by why."""
    pattern = (
        rf'integration_webhooks_refused_total\{{[^}}]*provider="{carrier}"[^}}]*reason="(\w+)"[^}}]*\}} (\S+)'
    )
    return {why: float(count) for why, count in re.findall(pattern, metrics)}
