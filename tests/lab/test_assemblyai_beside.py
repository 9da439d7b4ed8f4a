"""What our adapters send to AssemblyAI, beside what AssemblyAI's own SDK sends for the same.

The live socket is held against it in `tests/providers/test_assemblyai`.
"""

from collections.abc import AsyncIterator
from typing import Any

import assemblyai
import pytest

from integration_api.core.stt import TranscribeRequest
from integration_api.providers.assemblyai import ASSEMBLYAI, batch_stt
from lab import Lab
from lab.wave import wav
from tests.lab.beside import ABSENT, KEY, Ours, apart, heard, ours, sent

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""The SDK's: it calls things by names that its own libraries have given up."""
SOUND = wav(bytes(3200), 16_000)


@pytest.fixture
async def mine(lab: Lab) -> AsyncIterator[Ours]:
    async with ours(lab, ASSEMBLYAI) as started:
        yield started


@pytest.fixture
async def client(lab: Lab) -> AsyncIterator[assemblyai.AsyncClient]:
    base = lab.url("assemblyai", version="")
    settings = assemblyai.Settings(api_key=KEY, base_url=base, sync_base_url=base, polling_interval=0.01)
    async with assemblyai.AsyncClient(settings=settings) as started:
        yield started


JOBS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"speech_models": ["universal-2"], "language_detection": True}, {"model": "universal-2"}),
    "by an older model": (
        {"speech_model": "slam-1", "language_code": "en_uk", "punctuate": False, "format_text": False},
        {"model": "slam-1", "languages": ("en-GB",), "punctuate": False},
    ),
    "with everything": (
        {
            "speech_models": ["universal-3-pro"], "language_code": "de", "speaker_labels": True,
            "filter_profanity": True, "punctuate": True, "format_text": True, "keyterms_prompt": ["a table"],
            "prompt": "A phone call.", "speakers_expected": 2,
        },
        {
            "model": "universal-3-pro", "languages": ("de-AT",), "diarize": True, "profanity_filter": True,
            "keyterms": ("a table",), "prompt": "A phone call.", "extras": {"speakers_expected": 2},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("theirs, asked", JOBS.values(), ids=JOBS)
async def test_a_job(
    lab, client, mine, monkeypatch: pytest.MonkeyPatch, theirs: dict[str, Any], asked: dict[str, Any]
) -> None:
    monkeypatch.setattr(batch_stt, "PAUSES", (0.0,) * 10)
    config = assemblyai.TranscriptionConfig(**theirs)
    await assemblyai.AsyncTranscriber(client=client, config=config).transcribe(SOUND)
    uploaded, submitted, *polled = [sent(one) for one in lab.requests]
    lab.clear()
    exchange = ASSEMBLYAI.stt.transcribe(TranscribeRequest(audio=SOUND, **asked), mine.credential)
    upload, submit, *polls = await mine.run(exchange)
    # The SDK does not say what it uploads; the documents' own example says that it is any bytes.
    assert apart(upload, uploaded) == {"headers.content-type": ("application/octet-stream", ABSENT)}
    # Each has uploaded a file of its own. Ours says what is so unless it is said otherwise, too: that a text is written
    # with points and capitals.
    unsaid = {"punctuate", "format_text"} - theirs.keys()
    assert apart(submit, submitted) == {
        "body.audio_url": (submit.body["audio_url"], submitted.body["audio_url"]),
        **{f"body.{name}": (True, ABSENT) for name in unsaid},
    }
    assert min(len(polls), len(polled)) > 0
    for poll, one in zip(polls, polled, strict=False):
        assert apart(poll, one).keys() <= {"path"}
        assert poll.path.rpartition("/")[0] == one.path.rpartition("/")[0] == "/v2/transcript"


async def test_a_short_recording(lab, client, mine) -> None:
    config = assemblyai.SyncTranscriptionConfig(
        model="universal-3-5-pro", timestamps=True, keyterms_prompt=["a table"], language_codes=["de"],
        prompt="A phone call.",
    )  # fmt: skip
    await assemblyai.AsyncSyncTranscriber(client=client, config=config).transcribe(SOUND)
    theirs = await heard(lab, 0)
    ask = TranscribeRequest(
        model="universal-3-5-pro", audio=SOUND, filename="audio.wav", keyterms=("a table",), languages=("de-AT",),
        prompt="A phone call.",
    )  # fmt: skip
    (asked,) = await mine.run(ASSEMBLYAI.stt.transcribe(ask, mine.credential))
    assert apart(asked, theirs) == {}


async def test_a_question_about_a_key(lab, client, mine) -> None:
    await assemblyai.AsyncTranscriber(client=client).list_transcripts(
        assemblyai.ListTranscriptParameters(limit=1)
    )
    theirs = await heard(lab, 0)
    (asked,) = await mine.run(ASSEMBLYAI.verify(mine.credential))
    assert apart(asked, theirs) == {}
