"""The law of carriers' requests: each asks, to the letter, what the carrier's own SDK asks; what is unlike has a reason."""

import asyncio
from pathlib import Path
from types import ModuleType

import pytest

from tests.providers import twilio_bench, vonage_bench


@pytest.mark.parametrize("carrier", [twilio_bench, vonage_bench], ids=["twilio", "vonage"])
async def test_the_sdk_asks_what_we_ask(
    carrier: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with carrier.opened(tmp_path, monkeypatch) as bench:
        theirs, ours = carrier.by_sdk(bench), carrier.by_us(bench)
        assert theirs.keys() == ours.keys()
        unlike: set[str] = set()
        for name in theirs:
            answers = []
            for run in (asyncio.to_thread(theirs[name]), bench.run(ours[name])):
                before = len(bench.lab.requests)
                try:
                    await run
                except Exception as refusal:
                    assert "not found" in str(refusal).lower(), (name, refusal)
                assert len(bench.lab.requests) > before, f"{name}: nothing was asked"
                answers.append(carrier.asked(bench))
            by_them, by_our_own = answers
            heads = [one.pop("headers") for one in answers]
            assert by_them == by_our_own, name
            if heads[0]["authorization"].startswith("Basic "):
                assert heads[0]["authorization"] == heads[1]["authorization"], name
            both = heads[0].keys() | heads[1].keys()
            unlike |= {header for header in both if heads[0].get(header) != heads[1].get(header)}
        assert unlike == set(carrier.UNLIKE)
