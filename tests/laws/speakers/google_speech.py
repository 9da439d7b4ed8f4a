"""Google's Speech-to-Text v1: recordings, kept as an SDK shows them."""

from typing import Any

from integration_api.core.credential import Credential
from tests.laws.speaker import SPEECH, Speaker, Written


def spelled(said: Any) -> Any:
    """Spell durations as JSON has them; those that say the same of the whole are left out."""
    results = []
    for one in said["results"]:
        best = one["alternatives"][0]
        words = [
            {**word, **{name: _seconds(word.get(name)) for name in ("startTime", "endTime")}}
            for word in best.get("words", ())
        ]
        kept = {name: value for name, value in one.items() if name != "resultEndTime"}
        results.append({**kept, "alternatives": [{**best, "words": words}]})
    return {"results": results}


def _seconds(at: Any) -> str:
    if isinstance(at, str):
        return at
    at = at or {}
    return f"{int(at.get('seconds') or 0) + (at.get('nanos') or 0) / 1e9:.3f}s"


def written(told: Any) -> Written:
    best = [one["alternatives"][0] for one in told["results"]]
    words = [word for one in best for word in one["words"]]
    return Written(
        " ".join(filter(None, (one.get("transcript", "").strip() for one in best))),
        [(one["word"], *(round(float(one[name][:-1]) * 1000) for name in ("startTime", "endTime"))) for one in words],
    )  # fmt: skip


SPEAKERS = (
    Speaker(
        provider="google-speech",
        folder="google-speech",
        kinds=SPEECH,
        errors=False,
        written=written,
        spelled=spelled,
        any_model="latest_long",
        credential=Credential("google-speech", {}, held=frozenset({"key"})),
    ),
)
