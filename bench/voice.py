"""Measure live speech through the service beside a plain relay and no relay, in ONE interleaved run.

200 callers who are heard and 200 who listen, each with its frame of 20 ms at its own moment; `bin/voice` is all of
them and the provider, too, on one core; what is measured has the other. Delays are from one end to the other,
less what they are with nothing between. CPU is the scheduler's run time, over all frames. With `--minutes` the
service is then left talking that long, and its memory is watched. Where that is allowed, all of it runs before
everything else on both cores, so that what else this machine does is not measured.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from typing import Any

from targets import HERE, KEY
from voice_targets import Way, talk, ways

from bench import core_busy, cpu_ns, rss_mb, settle

CLEAN = 0.10
LATE_US = 2000
"""When one frame of a hundred leaves later than this, the callers themselves were held up."""
WATCH_SECONDS = 10
FLAT = 0.02
"""How much more memory the last third of the time may need than the middle third."""
Result = dict[str, Any]


def measure(way: Way, stt: int, tts: int, seconds: float, warm: float) -> Result:
    """Have the sessions talk; return what they saw, with the CPU a frame in microseconds and memory in MB."""
    pid = way.pid or os.getpid()
    settle(pid)
    command = talk(way, stt, tts, seconds, warm, KEY)
    memory: list[float] = []
    marks: dict[str, tuple[int, int, float]] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        said, watched = b"", 0.0
        while process.poll() is None or not said.endswith(b"}\n"):
            said += process.stdout.read() or b""
            for mark in ("begin", "end"):
                if mark not in marks and f"{mark}\n".encode() in said:
                    marks[mark] = (cpu_ns(pid), core_busy(), time.monotonic())
            if "begin" in marks and "end" not in marks and time.monotonic() - watched >= WATCH_SECONDS:
                watched = time.monotonic()
                memory.append(rss_mb(pid))
                if seconds > WATCH_SECONDS:
                    print(f"{watched - marks['begin'][2]:.0f} s: {memory[-1]:.1f} MB", flush=True)
            if process.poll() not in (None, 0):
                raise SystemExit(f"{way.name}: the sessions could not talk")
            time.sleep(0.05)
    result: Result = json.loads(said.splitlines()[-1])
    cpu, busy, elapsed = (after - before for before, after in zip(marks["begin"], marks["end"], strict=True))
    frames = result["stt"]["count"] + result["tts"]["count"]
    result["cpu_frame"] = 0.0 if way.pid is None else cpu / 1e3 / max(frames, 1)
    result["core"] = 0.0 if way.pid is None else cpu / 1e9 / elapsed
    result["foreign"] = max(0.0, busy / 100 / elapsed - result["core"])
    result["memory"] = [*memory, rss_mb(pid)]
    return result


def median(rounds: list[Result], *path: str) -> float:
    """Return the median of a number over the rounds that nobody disturbed, or else the two least disturbed."""
    clean = [one for one in rounds if one["foreign"] < CLEAN and one["late"]["p99"] < LATE_US]
    if len(clean) < 2:
        clean = sorted(rounds, key=lambda one: (one["late"]["p99"], one["foreign"]))[:2]

    def of(found: Any) -> float:
        for name in path:
            found = found[name]
        return float(found)

    return statistics.median(of(one) for one in clean)


COLUMNS = {
    "cpu/frame": ("cpu_frame",),
    "core": ("core",),
    "stt p50": ("stt", "p50"),
    "stt p99": ("stt", "p99"),
    "tts p50": ("tts", "p50"),
    "tts p99": ("tts", "p99"),
    "told p99": ("told", "p99"),
    "late p99": ("late", "p99"),
    "foreign": ("foreign",),
}
"""Microseconds, and shares of the core."""


def lost(rounds: list[Result]) -> int:
    return sum(one["lost"] + one["out_of_order"] + one["closed_early"] for one in rounds)


def detail(results: dict[str, list[Result]]) -> str:
    lines = [" " * 9 + "".join(f"{title:>10}" for title in [*COLUMNS, "lost", "RSS MB"])]
    for name, rounds in results.items():
        values = [median(rounds, *path) for path in COLUMNS.values()]
        values += [lost(rounds), max(one["memory"][-1] for one in rounds)]
        lines.append(f"{name:<9}" + "".join(f"{value:>10.{2 if value < 10 else 0}f}" for value in values))
    return "\n".join(lines)


def table(results: dict[str, list[Result]], memory: list[float]) -> str:
    lines = ["| what | relay | service | floor | |", "|---|---|---|---|---|"]

    def row(what: str, relay: float, service: float, unit: str, floor: float) -> None:
        verdict = "met" if service <= floor else "NOT met"
        lines.append(
            f"| {what} | {relay:.2f} {unit} | {service:.2f} {unit} | <= {floor:g} {unit} | {verdict} |"
        )

    def added(name: str, kind: str) -> float:
        return (median(results[name], kind, "p99") - median(results["direct"], kind, "p99")) / 1000

    for kind, what in (("stt", "sound to the provider"), ("tts", "sound to the caller")):
        row(f"added delay p99, {what}", added("relay", kind), added("service", kind), "ms", 5)
    row("frames lost or out of order", lost(results["relay"]), lost(results["service"]), "", 0)
    cpu = median(results["service"], "cpu_frame") / median(results["relay"], "cpu_frame")
    row("CPU a frame over the relay's", 1, cpu, "x", 3)
    if len(memory) >= 6:
        third = len(memory) // 3
        before, after = statistics.mean(memory[third : 2 * third]), statistics.mean(memory[-third:])
        row("memory, last third over the middle third", 1, after / before, "x", 1 + FLAT)
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--secs", type=float, default=5)
    options.add_argument("--warm", type=float, default=1)
    options.add_argument("--stt", type=int, default=200)
    options.add_argument("--tts", type=int, default=200)
    options.add_argument("--minutes", type=float, default=0, help="how long the service's memory is watched")
    options.add_argument("--only", default="", help="names of ways, with commas")
    asked = options.parse_args()
    results: dict[str, list[Result]] = {}
    memory: list[float] = []
    with ways() as found:
        chosen = [way for way in found if not asked.only or way.name in asked.only.split(",")]
        for number in range(asked.rounds):
            for way in chosen if number % 2 == 0 else chosen[::-1]:
                one = measure(way, asked.stt, asked.tts, asked.secs, asked.warm)
                results.setdefault(way.name, []).append(one)
                print(f"round {number + 1} " + detail({way.name: [one]}).splitlines()[-1], flush=True)
        if asked.minutes:
            [service] = [way for way in found if way.name == "service"]
            long = measure(service, asked.stt, asked.tts, asked.minutes * 60, asked.warm)
            memory = long["memory"]
            results["service"].append(long)
            print(
                f"{asked.minutes:g} minutes: " + " ".join(f"{one:.1f}" for one in memory) + " MB", flush=True
            )
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/voice.json").write_text(json.dumps(results))
    print(detail(results))
    if not asked.only:
        print("\n" + table(results, memory))


if __name__ == "__main__":
    main()
