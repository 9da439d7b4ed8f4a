"""`say` and `transcribe`, as somebody who tries them sees them: files of sound, lines of text, and a terminal."""

import io
import json
import os
import re
import struct
import subprocess
import urllib.request
import wave
from collections.abc import Iterator
from typing import Any

import pytest

from lab import mouth
from lab.wave import wav
from tests.cli.commands import Commands
from tests.e2e.service import Service, python, running

KEY = "lab-key-of-the-command-line-0123456789"
TEXT = "A table for two, please."
VOICE = "deepgram/aura-2-thalia-en"
HEARD = [
    {"text": "I would like a table", "start_ms": 300, "end_ms": 1300},
    {"text": "for two please.", "start_ms": 1400, "end_ms": 2200},
    {"text": "At [eight].", "start_ms": 3000, "end_ms": 3600},
]
TURNS = "I would like a table for two please.\nAt [eight].\n"
PITCHES = "a" * 110
"""Loud for as long as somebody is heard."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("speech")) as started:
        for provider, version in {"deepgram": "", "cartesia": "", "openai": "/v1"}.items():
            started.add_credential(provider, base_url=f"{lab}/{provider}{version}", key=KEY)
        yield started


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with Commands() as ready:
        yield ready


def ask_lab(lab: str, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{lab}/_lab/{path}", data, method=method)) as reply:
        return json.loads(reply.read())


@pytest.fixture(autouse=True)
def fresh(lab: str) -> None:
    ask_lab(lab, "DELETE", "")


@pytest.fixture
def heard(lab: str) -> None:
    ask_lab(lab, "PUT", "script", {provider: [{"heard": HEARD}] for provider in ("deepgram", "openai")})


def samples(file: bytes) -> bytes:
    return file.partition(b"data")[2][4:]


# --- say ----------------------------------------------------------------------------------------


def test_a_text_is_spoken_into_a_wave_file(commands: Commands, service: Service) -> None:
    done = commands.run(service, "say", TEXT, "--voice", VOICE, "--out", "hello.wav")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("0.96 s of sound in hello.wav\n")
    assert done.stdout == ""
    with wave.open(str(service.folder / "hello.wav")) as file:
        assert file.getparams()[:4] == (1, 2, 24_000, 24_000 * 96 // 100)
        assert file.readframes(file.getnframes()) == mouth.pcm(TEXT, 24_000)


@pytest.mark.parametrize(("encoding", "code", "made"), [("mulaw", 7, mouth.mulaw), ("alaw", 6, mouth.alaw)])
def test_telephones_sound_goes_into_files_that_say_so(
    commands: Commands, service: Service, encoding: str, code: int, made: Any
) -> None:
    for name in ("phone.wav", "phone.raw"):
        done = commands.run(service, "say", TEXT, "--voice", VOICE, "--encoding", encoding, "--out", name)
        assert done.returncode == 0, done.stderr
    file = (service.folder / "phone.wav").read_bytes()
    assert samples(file) == made(TEXT)
    assert struct.unpack_from("<HHIIHH", file, 20) == (code, 1, 8_000, 8_000, 1, 8)
    assert struct.unpack_from("<I", file, 4) == (len(file) - 8,)
    assert (service.folder / "phone.raw").read_bytes() == made(TEXT)


def test_a_voice_beside_its_model_speaks_at_any_rate(commands: Commands, service: Service, lab: str) -> None:
    voice = "a0e99841-438c-4a64-b679-ae501e7d6091"
    for arguments in (
        ("--voice", f"cartesia/{voice}", "--model", "sonic-3"), ("--voice", voice, "--model", "cartesia/sonic-3"),
    ):  # fmt: skip
        done = commands.run(service, "say", "-", *arguments, "--rate", "16000", "--out", "a.wav", said=TEXT)
        assert done.returncode == 0, done.stderr
        assert samples((service.folder / "a.wav").read_bytes()) == mouth.pcm(TEXT, 16_000)
    asked = [one["said"] for one in ask_lab(lab, "GET", "requests?provider=cartesia")["requests"]]
    assert [json.loads(said[0])["voice"]["id"] for said in asked if said] == [voice, voice]


def test_a_voice_that_is_not_live_speaks_whole(commands: Commands, service: Service) -> None:
    done = commands.run(
        service, "say", TEXT, "--voice", "openai/alloy", "--model", "gpt-4o-mini-tts", "--out", "w.wav"
    )
    assert done.returncode == 0, done.stderr
    assert samples((service.folder / "w.wav").read_bytes()) == mouth.pcm(TEXT, 24_000)


@pytest.mark.usefixtures("heard")
def test_what_is_said_goes_through_a_pipe_to_who_listens(commands: Commands, service: Service) -> None:
    said = commands.run(service, "say", PITCHES, "--voice", VOICE)
    assert said.returncode == 0, said.stderr
    file = said.stdout.encode(errors="surrogateescape")
    assert samples(file) == mouth.pcm(PITCHES, 24_000)
    listened = ("transcribe", "-", "--model", "deepgram/nova-3", "--pace", "0")
    assert commands.run(service, *listened, said=said.stdout).stdout == TURNS


def test_sound_is_not_for_a_terminal(commands: Commands, service: Service) -> None:
    code, seen = commands.on_terminal(service, "say", TEXT, "--voice", VOICE)
    assert code == 1
    assert "name a file with --out" in seen


def test_calls_of_the_command_line_are_on_record(commands: Commands, service: Service) -> None:
    assert commands.run(service, "say", "Once.", "--voice", VOICE, "--out", "once.wav").returncode == 0
    record = service.call("GET", "/v1/audit?provider=deepgram&limit=1")[1]["data"][0]
    assert (record["operation"], record["model"], record["characters"]) == ("tts", "aura-2-thalia-en", 5)


# --- transcribe ---------------------------------------------------------------------------------

SOUNDS = {
    "pcm at 16 kHz": (wav(mouth.pcm(PITCHES, 16_000), 16_000), ()),
    "pcm at 44.1 kHz": (wav(mouth.pcm(PITCHES, 44_100), 44_100), ()),
    "mu-law": (wav(mouth.mulaw(PITCHES), 8_000, code=7, bits=8), ()),
    "A-law": (wav(mouth.alaw(PITCHES), 8_000, code=6, bits=8), ()),
    "bare pcm": (mouth.pcm(PITCHES, 24_000), ("--encoding", "pcm_s16le", "--rate", "24000")),
    "bare mu-law": (mouth.mulaw(PITCHES), ("--encoding", "mulaw")),
}


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize(("sound", "options"), SOUNDS.values(), ids=SOUNDS)
def test_turns_are_lines(
    commands: Commands, service: Service, sound: bytes, options: tuple[str, ...]
) -> None:
    (service.folder / "said").write_bytes(sound)
    done = commands.run(service, "transcribe", "said", "--model", "deepgram/nova-3", "--pace", "0", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout == TURNS
    assert done.stderr == ""


@pytest.mark.usefixtures("heard")
def test_what_stands_around_the_samples_is_not_heard(commands: Commands, service: Service, lab: str) -> None:
    sound = mouth.pcm(PITCHES, 16_000)
    file = wav(sound, 16_000)
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    (service.folder / "said.wav").write_bytes(file[:36] + odd + file[36:] + odd)
    options = ("--language", "en", "--keyterm", "table", "--pace", "0")
    done = commands.run(service, "transcribe", "said.wav", "--model", "deepgram/nova-3", *options)
    assert done.stdout == TURNS
    asked = ask_lab(lab, "GET", "requests?provider=deepgram")["requests"][-1]
    assert (asked["query"]["language"], asked["query"]["keyterm"]) == ("en", "table")
    record = service.call("GET", "/v1/audit?provider=deepgram&limit=1")[1]["data"][0]
    assert (record["operation"], record["audio_seconds"]) == ("stt", 4.4)


@pytest.mark.usefixtures("heard")
def test_a_terminal_shows_what_is_being_said(commands: Commands, service: Service) -> None:
    (service.folder / "said.wav").write_bytes(wav(mouth.pcm(PITCHES, 16_000), 16_000))
    code, seen = commands.on_terminal(
        service, "transcribe", "said.wav", "--model", "deepgram/nova-3", "--pace", "0"
    )
    assert code == 0, seen
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)
    assert re.search(r"\d\.\d of 4\.4 s ", shown)
    assert re.search(r"s +I would\s*\r", shown), "a beginning of a turn, before all of it is said"
    assert "\x1b[2;3m" in seen, "what may change looks it"
    for turn in TURNS.splitlines():
        assert f"{turn}\r\n" in shown.replace(" \r", "\r")


@pytest.mark.usefixtures("heard")
def test_sound_in_any_container_is_sent_whole(commands: Commands, service: Service) -> None:
    (service.folder / "said.wav").write_bytes(wav(mouth.pcm(PITCHES, 16_000), 16_000))
    for model, options in (("deepgram/nova-3", ("--whole",)), ("openai/gpt-4o-transcribe", ())):
        done = commands.run(service, "transcribe", "said.wav", "--model", model, *options)
        assert done.returncode == 0, done.stderr
        assert done.stdout.replace("\n", " ") == TURNS.replace("\n", " ")


# --- refusals -----------------------------------------------------------------------------------

WRONG = {
    "no wave": (b"ID3\x04 and so on", (), "this is no WAV file; bare samples need --encoding and --rate"),
    "24 bits": (wav(bytes(48), 8_000, bits=24), (), "samples of kind 1 with 24 bits; make it 16-bit PCM"),
    "no samples": (wav(b"", 8_000)[:36], (), "this is a WAV file without samples"),
    "rate alone": (b"", ("--rate", "8000"), "say their --encoding, too"),
    "provider": (b"", ("--model", "nobody/x"), "there is no provider named 'nobody'"),
    "who is deaf": (wav(bytes(320), 8_000), ("--model", "sandbox/echo"), "does not offer stt"),
}


@pytest.mark.parametrize(("sound", "options", "line"), WRONG.values(), ids=WRONG)
def test_what_can_not_be_heard_is_said_in_one_line(
    commands: Commands, service: Service, sound: bytes, options: tuple[str, ...], line: str
) -> None:
    (service.folder / "wrong").write_bytes(sound)
    done = commands.run(service, "transcribe", "wrong", "--model", "deepgram/nova-3", *options)
    assert done.returncode == 1, done
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert line in done.stderr


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--out", "unsaid.mp3", "--voice", VOICE), "--out takes .wav or, for bare samples, .raw"),
        (("--out", "unsaid.wav", "--voice", "thalia"), "the model must name its provider"),
        (("--out", "unsaid.wav", "--voice", VOICE, "--credential", "17"), "credential"),
    ],
    ids=["container", "provider", "credential"],
)
def test_what_can_not_be_said_leaves_no_file(
    commands: Commands, service: Service, options: tuple[str, ...], line: str
) -> None:
    done = commands.run(service, "say", TEXT, *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert line in done.stderr
    assert not (service.folder / options[1]).exists()


def test_sound_that_breaks_off_is_kept_and_the_failure_told(
    commands: Commands, service: Service, lab: str
) -> None:
    ask_lab(lab, "PUT", "faults", {"deepgram": [{"end": "reset", "after": 400}] * 4})
    done = commands.run(service, "say", TEXT, "--voice", VOICE, "--out", "broken.wav")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    with wave.open(io.BytesIO((service.folder / "broken.wav").read_bytes())) as file:
        kept = file.readframes(file.getnframes())
    assert kept
    assert mouth.pcm(TEXT, 24_000).startswith(kept)


# --- pipes ---------------------------------------------------------------------------------------

UNREAD: dict[str, tuple[str, ...]] = {
    "say": ("say", PITCHES, "--voice", VOICE),
    "transcribe": ("transcribe", "unread.wav", "--model", "deepgram/nova-3", "--pace", "0"),
    "transcribe whole": ("transcribe", "unread.wav", "--model", "deepgram/nova-3", "--whole"),
    "a list": ("credentials", "list"),
}


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("arguments", UNREAD.values(), ids=UNREAD)
def test_a_command_that_nobody_reads_from_any_more_ends_without_a_word(
    service: Service, arguments: tuple[str, ...]
) -> None:
    (service.folder / "unread.wav").write_bytes(wav(mouth.pcm(PITCHES, 16_000), 16_000))
    here, there = os.pipe()
    os.close(here)
    try:
        done = subprocess.run(
            [python(), "-m", "integration_api", *arguments], env=service.settings(), cwd=service.folder,
            stdout=there, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(there)
    assert (done.returncode, done.stderr) == (141, b"")
