"""Measure what the service adds to a voice loop, beside the same partners without anything between, interleaved.

50 telephone calls of media mode inline at once, each with its frame of 20 ms at its own moment in both directions;
`bin/loop` is the carrier, Deepgram, the model, ElevenLabs and the caller, on one core and on one clock; the service
has the other. A turn is a marked frame's way to Deepgram, its final text's to the caller, the caller's question to
the model, its first word back, that word to ElevenLabs, and its first sound to the carrier. In every second turn
somebody speaks before the answer is over: from the interim text until the carrier has heard `clear`.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from loop_targets import Loop, everybody, loop
from targets import HERE

from bench import core_busy, cpu_ns, settle

HOPS = ("to_ear", "to_caller", "to_model", "from_model", "to_voice", "to_carrier")
ADDED_MS, FRAME_MS = 10.0, 20.0
"""The floors: over a whole loop, and for silence."""
Result = dict[str, Any]


def waited_ns(pid: int) -> int:
    """Return how long a process's main thread could have run and did not, since others had its core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])


def measure(found: Loop, way: str, calls: int, seconds: float, warm: float, piece: int) -> Result:
    """Have the calls talk; return what was seen, with the service's share of its core."""
    settle(found.pid)
    process = everybody(found, way, calls, seconds, warm, piece)
    marks: list[tuple[int, int, int, int, float]] = []
    assert process.stdout is not None
    last = b""
    for line in process.stdout:
        if line in (b"begin\n", b"end\n"):
            pid = process.pid
            marks.append(
                (cpu_ns(found.pid), waited_ns(found.pid), waited_ns(pid), core_busy(), time.monotonic())
            )
        last = line
    if process.wait() != 0:
        raise SystemExit(f"{way}: the calls could not talk")
    result: Result = json.loads(last)
    cpu, waited, partner, busy, elapsed = (after - before for before, after in zip(*marks, strict=True))
    result["core"] = cpu / 1e9 / elapsed
    result["waited"] = waited / 1e9 / elapsed
    result["partner_waited"] = partner / 1e9 / elapsed
    result["foreign"] = max(0.0, busy / 100 / elapsed - result["core"])
    return result


def median(rounds: list[Result], *path: str) -> float:
    """Return a number's median over the half of the rounds that others disturbed least."""
    calm = sorted(rounds, key=lambda one: one["waited"] + one["partner_waited"])[: (len(rounds) + 1) // 2]
    return statistics.median(float(one[path[0]][path[1]] if len(path) > 1 else one[path[0]]) for one in calm)


COLUMNS = (*HOPS, "sum", "own", "sound_in", "sound_out", "barge", "hushed", "late")


def detail(name: str, rounds: list[Result]) -> str:
    lines = [f"{name:<9}" + "".join(f"{column:>11}" for column in COLUMNS)]
    for share in ("p50", "p99", "max"):
        lines.append(
            f"{share:>9}" + "".join(f"{median(rounds, column, share) / 1000:>11.2f}" for column in COLUMNS)
        )
    told = ("core", "waited", "partner_waited", "foreign")
    lines.append("  " + ", ".join(f"{one} {median(rounds, one):.2f}" for one in told))
    counted = (
        "turns_begun",
        "turns",
        "barges_begun",
        "barges",
        "lost",
        "old_sound",
        "strange",
        "closed_early",
    )
    lines.append("  " + ", ".join(f"{one} {sum(each[one] for each in rounds)}" for one in counted))
    return "\n".join(lines)


def table(service: list[Result], direct: list[Result]) -> str:
    lines = ["| what | service | floor | |", "|---|---|---|---|"]

    def row(what: str, value: float, unit: str, floor: float) -> None:
        verdict = "met" if value <= floor else "NOT met"
        lines.append(f"| {what} | {value:.2f}{unit} | <= {floor:g}{unit} | {verdict} |")

    def all_of(name: str) -> int:
        return sum(int(one[name]) for one in service)

    for what, name in (("", "sum"), (", less what others had the cores", "own")):
        for share in ("p50", "p99"):
            added = (median(service, name, share) - median(direct, name, share)) / 1000
            row(f"added over the whole loop, {share}{what}", added, " ms", ADDED_MS)
    row("speaking until `clear`, p99", median(service, "barge", "p99") / 1000, " ms", FRAME_MS)
    row("speaking until the last sound, p99", median(service, "hushed", "p99") / 1000, " ms", FRAME_MS)
    row("sound after `clear`", all_of("old_sound"), " frames", 0)
    row("frames lost or out of order", all_of("lost"), "", 0)
    row("turns that did not come round", all_of("turns_begun") - all_of("turns"), "", 0)
    row("times it was not silenced", all_of("barges_begun") - all_of("barges"), "", 0)
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--secs", type=float, default=6)
    options.add_argument("--warm", type=float, default=2.5)
    options.add_argument("--calls", type=int, default=50)
    options.add_argument("--piece", type=int, default=1, help="frames in one message of the voice's")
    asked = options.parse_args()
    results: dict[str, list[Result]] = {"service": [], "direct": []}
    with loop() as found:
        for number in range(asked.rounds):
            for way in ("service", "direct") if number % 2 == 0 else ("direct", "service"):
                one = measure(found, way, asked.calls, asked.secs, asked.warm, asked.piece)
                results[way].append(one)
                print(f"round {number + 1} {detail(way, [one])}", flush=True)
    (HERE / "results/loop.json").write_text(json.dumps(results))
    for way, rounds in results.items():
        print(detail(way, rounds))
    print("\n" + table(**results))


if __name__ == "__main__":
    main()
