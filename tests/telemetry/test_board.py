"""What is counted, in this process and in others, is what Prometheus is told."""

import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from integration_api.telemetry.board import Board

OTHER = """
import sys
from pathlib import Path
from integration_api.telemetry.board import Board
board = Board()
calls = board.counter("calls_total", "Calls.", ("provider",))
times = board.histogram("times", "Times.", (), (1.0, 2.0))
board.gauge("waiting", "Waiting.").value = 7
calls.of("openai").value += 3
times.of().observe(1.5)
board.share(Path(sys.argv[1]))
board.publish()
"""


def board() -> Board:
    made = Board()
    calls = made.counter("calls_total", "Calls.", ("provider",))
    times = made.histogram("times", "Times.", (), (1.0, 2.0))
    made.gauge("waiting", "Waiting.").value = 2
    calls.of("openai").value += 1
    calls.of("cohere").value += 1
    for value in (0.5, 1.0, 9.0):
        times.of().observe(value)
    return made


def samples(made: Board) -> dict[tuple[str, str], float]:
    text = made.exposition().decode()
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_was_counted_is_shown() -> None:
    assert samples(board()) == {
        ("calls_total", "openai"): 1,
        ("calls_total", "cohere"): 1,
        ("times_bucket", "1.0"): 2,
        ("times_bucket", "2.0"): 2,
        ("times_bucket", "+Inf"): 3,
        ("times_count", ""): 3,
        ("times_sum", ""): 10.5,
        ("waiting", ""): 2,
    }


def test_what_a_worker_that_ended_counted_still_counts_but_it_waits_for_nothing(tmp_path: Path) -> None:
    made = board()
    made.share(tmp_path)
    subprocess.run([sys.executable, "-c", OTHER, str(tmp_path)], check=True)
    shown = samples(made)
    assert shown["calls_total", "openai"] == 4
    assert shown["calls_total", "cohere"] == 1
    assert shown["times_bucket", "2.0"] == 3
    assert shown["times_sum", ""] == 12
    assert shown["waiting", ""] == 2


def test_what_an_earlier_service_left_is_not_counted(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", OTHER, str(tmp_path)], check=True)
    made = board()
    made.share(tmp_path)
    assert samples(made)["calls_total", "openai"] == 1


def test_half_a_file_is_no_reason_to_fail(tmp_path: Path) -> None:
    made = board()
    made.share(tmp_path)
    (tmp_path / "1.board").write_bytes(b"\x81\xa5")
    assert samples(made)["calls_total", "openai"] == 1
