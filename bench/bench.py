"""Measure the service beside nginx, over a C mock, in ONE interleaved run, and print ratios.

Modes: ns1, ns32 whole answers in a closed loop of 1 or 32; st1, st32 bursts of 200 chunks; pc8,
pc200 streams of 100 chunks paced 10 ms apart. CPU is the scheduler's run time of the process tree, over
all requests. Numbers are medians of the rounds in which others took less than a tenth of the core
(else of the two cleanest). `opcodes.py` tells which functions a request's instructions are in.
"""

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from targets import HERE, LOAD_CORE, SUT_CORE, Target, everything

CLEAN = 0.10
Result = dict[str, Any]


def tree(pid: int) -> list[int]:
    found = [pid]
    for children in Path("/proc").glob(f"{pid}/task/*/children"):
        try:
            for child in children.read_text().split():
                found += tree(int(child))
        except OSError:
            continue
    return found


def cpu_ns(pid: int) -> int:
    total = 0
    for member in tree(pid):
        for stat in Path("/proc").glob(f"{member}/task/*/schedstat"):
            try:
                total += int(stat.read_text().split()[0])
            except OSError:
                continue
    return total


def rss_mb(pid: int) -> float:
    kilobytes = 0
    for member in tree(pid):
        try:
            for line in Path(f"/proc/{member}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    kilobytes += int(line.split()[1])
        except OSError:
            continue
    return kilobytes / 1024


def core_busy() -> int:
    """Return the busy ticks of the core under test, idle-priority work left out."""
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] == "cpu" + SUT_CORE:
            return sum(int(fields[i]) for i in (1, 3, 6, 7, 8))
    return 0


def settle(pid: int) -> None:
    """Wait until what the previous mode left over is done, so that it is not charged to the next."""
    until = time.monotonic() + 12
    while time.monotonic() < until:
        before = cpu_ns(pid)
        time.sleep(0.1)
        if cpu_ns(pid) - before < 3_000_000:
            return


def measure(target: Target, mode: str, folder: Path, seconds: float, warm: float) -> Result:
    kind = {"ns": "ns", "st": "s", "pc": "p"}[mode[:2]]
    command = [
        "nice", "-n", "-15", "taskset", "-c", LOAD_CORE, str(HERE / "bin/lg"), "127.0.0.1", str(target.port),
        "/v1/chat/completions", str(target.body(folder, kind)), mode[2:],
        str(max(seconds, 3) if kind == "p" else seconds), "-w", str(warm),
    ]  # fmt: skip
    for header in target.headers:
        command += ["-H", header]
    pid = target.pid or os.getpid()
    settle(pid)
    busy, began, cpu = core_busy(), time.monotonic(), cpu_ns(pid)
    result: Result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    used, elapsed = cpu_ns(pid) - cpu, time.monotonic() - began
    result["cpu_req"] = used / 1e3 / max(result["reqall"], 1)
    result["cpu_chunk"] = used / 1e3 / max(result["evall"], 1)
    result["rss"] = rss_mb(pid)
    mine = 0.0 if target.name == "direct" else used / 1e9 / elapsed
    result["foreign"] = max(0.0, (core_busy() - busy) / 100 / elapsed - mine)
    return result


def median(rounds: list[Result], name: str) -> float:
    clean = [r for r in rounds if r["foreign"] < CLEAN]
    if len(clean) < 2:
        clean = sorted(rounds, key=lambda r: r["foreign"])[:2]
    return statistics.median(r[name] for r in clean)


def table(results: dict[str, dict[str, list[Result]]]) -> str:
    def of(target: str, mode: str, name: str) -> float:
        return median(results[target][mode], name)

    def added(target: str, name: str) -> float:
        return of(target, "ns1", name) - of("direct", "ns1", name)

    rows: list[tuple[str, str, str, float, str, bool]] = []

    def row(number: str, what: str, value: float, unit: str, floor: str, *, met: bool) -> None:
        rows.append((number, what, unit, value, floor, met))

    rps = of("relayed", "ns32", "rps") / of("nginx", "ns32", "rps")
    row("1", "whole chat, requests/s/core over nginx's", rps, "x", ">= 0.20", met=rps >= 0.20)
    p50, p99 = (added("relayed", p) / added("nginx", p) for p in ("p50", "p99"))
    row("2", "added latency alone, p50 over nginx's", p50, "x", "<= 3", met=p50 <= 3)
    row("2", "added latency alone, p99 over nginx's", p99, "x", "<= 4", met=p99 <= 4)
    for name, floor in (("p50", 5.0), ("p99", 15.0)):
        value = of("relayed", "ns32", name) / 1000
        row("3", f"saturated, 32 in flight, {name}", value, "ms", f"<= {floor:g}", met=value <= floor)
    value = of("translated", "st32", "cpu_chunk")
    row("4", "translated stream, CPU a chunk", value, "us", "<= 8", met=value <= 8)
    value = of("relayed", "st32", "cpu_chunk") / of("nginx", "st32", "cpu_chunk")
    row("5", "bytes through, CPU a chunk over nginx's (burst)", value, "x", "<= 1.5", met=value <= 1.5)
    value = of("relayed", "pc200", "cpu_chunk") / of("nginx", "pc200", "cpu_chunk")
    row("5", "bytes through, CPU a chunk over nginx's (paced)", value, "x", "<= 1.5", met=value <= 1.5)
    value = (of("relayed", "pc8", "ttft50") - of("direct", "pc8", "ttft50")) / max(
        1.0, of("nginx", "pc8", "ttft50") - of("direct", "pc8", "ttft50")
    )
    row("6", "first token over direct, 8 paced streams, over nginx's", value, "x", "<= 2", met=value <= 2)
    value = max(median(rounds, "rss") for rounds in results["relayed"].values())
    row("10", "memory of a worker after load", value, "MB", "<= 80", met=value <= 80)
    lines = ["| row | what | measured | floor | |", "|---|---|---|---|---|"]
    for number, what, unit, measured, floor, met in rows:
        verdict = "met" if met else "NOT met"
        lines.append(f"| {number} | {what} | {measured:.2f} {unit} | {floor} {unit} | {verdict} |")
    return "\n".join(lines)


COLUMNS = {
    "rps": "req/s",
    "p50": "p50 us",
    "p99": "p99 us",
    "ttft50": "ttft us",
    "eps": "chunks/s",
    "cpu_req": "cpu/req",
    "cpu_chunk": "cpu/chunk",
    "rss": "RSS MB",
}


def detail(results: dict[str, dict[str, list[Result]]]) -> str:
    lines = []
    for mode in next(iter(results.values())):
        lines.append(f"\n{mode:<10}" + "".join(f"{title:>11}" for title in COLUMNS.values()) + "  errors")
        for name, modes in results.items():
            rounds = modes[mode]
            errors = sum(r["err"] + r["non200"] for r in rounds)
            values = "".join(f"{median(rounds, column):11.1f}" for column in COLUMNS)
            lines.append(f"{name:<10}{values}  {errors}")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--secs", type=float, default=3)
    options.add_argument("--warm", type=float, default=0.5)
    options.add_argument("--modes", default="ns1,ns32,st1,st32,pc8,pc200")
    options.add_argument("--only", default="", help="names of targets, with commas")
    asked = options.parse_args()
    results: dict[str, dict[str, list[Result]]] = {}
    with everything() as (targets, folder):
        chosen = [t for t in targets if not asked.only or t.name in asked.only.split(",")]
        for target in chosen:
            measure(target, "ns1", folder, 0.5, 0.1)
        for number in range(asked.rounds):
            for mode in asked.modes.split(","):
                for target in chosen if number % 2 == 0 else chosen[::-1]:
                    print(f"round {number + 1} {mode} {target.name}      ", end="\r", flush=True)
                    found = measure(target, mode, folder, asked.secs, asked.warm)
                    results.setdefault(target.name, {}).setdefault(mode, []).append(found)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/last.json").write_text(json.dumps(results))
    print(detail(results))
    if not asked.only and asked.modes == options.get_default("modes"):
        print("\n" + table(results))


if __name__ == "__main__":
    main()
