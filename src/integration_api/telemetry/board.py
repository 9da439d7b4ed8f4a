"""Counters, gauges and histograms in plain memory, shown to Prometheus when it asks.

Counting a call costs a few additions and no lock: a process counts for itself, in its loop's thread
alone. Workers that share a port leave their numbers in a directory every second, and whichever of them
is asked adds up what it finds there. https://prometheus.io/docs/concepts/metric_types/
"""

import asyncio
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Generic, Protocol, TypeAlias, TypeVar

import msgspec
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

PUBLISH_SECONDS = 1.0
"""How old another worker's numbers may be; Prometheus asks every 15 seconds or so."""

Labels: TypeAlias = tuple[str, ...]
Numbers: TypeAlias = list[tuple[Labels, list[float]]]
"""The series of one family."""


class Count:
    """A number that goes up; of a gauge, up and down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def numbers(self) -> list[float]:
        return [self.value]


class Distribution:
    """How many values fell up to each of some bounds, and the sum of them all."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0.0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def numbers(self) -> list[float]:
        return [self._total, *self._counts]


class _Counting(Protocol):
    def numbers(self) -> list[float]: ...


Series = TypeVar("Series", bound=_Counting)
Show: TypeAlias = Callable[[str, str, Labels, Numbers], Metric]


class Family(Generic[Series]):
    """All series of one name. Labels come from closed sets: a caller can not make new series."""

    def __init__(
        self, name: str, text: str, labels: Labels, make: Callable[[], Series], show: Show, *, gauge: bool
    ) -> None:
        self.name = name
        self.gauge = gauge
        """Whether what a worker said is forgotten when it has ended."""
        self._text = text
        self._labels = labels
        self._make = make
        self._show = show
        self._series: dict[Labels, Series] = {}

    def of(self, *labels: str) -> Series:
        """Return the series with these labels, for whoever counts to keep."""
        found = self._series.get(labels)
        if found is None:
            found = self._series[labels] = self._make()
        return found

    def numbers(self) -> Numbers:
        return [(labels, series.numbers()) for labels, series in self._series.items()]

    def shown(self, numbers: Numbers) -> Metric:
        """Return the family as the client library writes it."""
        return self._show(self.name, self._text, self._labels, numbers)


class Board(Collector):
    """Every family of this process, and what other workers have published."""

    def __init__(self) -> None:
        self._families: list[Family[Count] | Family[Distribution]] = []
        self._folder: Path | None = None

    def counter(self, name: str, text: str, labels: Labels = ()) -> Family[Count]:
        return self._add(Family(name, text, labels, Count, _counter, gauge=False))

    def gauge(self, name: str, text: str) -> Count:
        return self._add(Family(name, text, (), Count, _gauge, gauge=True)).of()

    def histogram(
        self, name: str, text: str, labels: Labels, bounds: tuple[float, ...]
    ) -> Family[Distribution]:
        def show(name: str, text: str, labels: Labels, numbers: Numbers) -> Metric:
            return _histogram(name, text, labels, numbers, bounds)

        return self._add(Family(name, text, labels, lambda: Distribution(bounds), show, gauge=False))

    def share(self, folder: Path) -> None:
        """Add up with the other workers that will publish in `folder`; what earlier ones left is removed."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in folder.glob("*.board"):
            stale.unlink(missing_ok=True)
        self._folder = folder

    async def publish_for_ever(self) -> None:
        """Tell the other workers what was counted here, again and again."""
        while self._folder is not None:
            self.publish()
            await asyncio.sleep(PUBLISH_SECONDS)

    def publish(self) -> None:
        """Tell it once: the last word of a worker that ends."""
        if self._folder is None:
            return
        path = self._folder / f"{os.getpid()}.board"
        fresh = path.with_suffix(".new")
        with suppress(OSError):  # A full disk must not end the service; the next second tries again.
            fresh.write_bytes(msgspec.msgpack.encode(self._mine()))
            fresh.replace(path)

    def collect(self) -> Iterator[Metric]:
        told = [self._mine(), *self._others()]
        for family in self._families:
            added: dict[Labels, list[float]] = {}
            for numbers in told:
                for labels, values in numbers.get(family.name, ()):
                    known = added.get(labels)
                    added[labels] = (
                        values if known is None else list(map(sum, zip(known, values, strict=True)))
                    )
            yield family.shown(list(added.items()))

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def _mine(self) -> dict[str, Numbers]:
        return {family.name: family.numbers() for family in self._families}

    def _others(self) -> Iterator[dict[str, Numbers]]:
        if self._folder is None:
            return
        gauges = {family.name for family in self._families if family.gauge}
        for path in self._folder.glob("*.board"):
            pid = int(path.stem)
            if pid == os.getpid():
                continue
            with suppress(OSError, msgspec.DecodeError):
                numbers = _DECODER.decode(path.read_bytes())
                yield (
                    numbers
                    if _alive(pid)
                    else {name: series for name, series in numbers.items() if name not in gauges}
                )

    def _add(self, family: Family[Series]) -> Family[Series]:
        self._families.append(family)  # type: ignore[arg-type]
        return family


_DECODER = msgspec.msgpack.Decoder(dict[str, Numbers])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _counter(name: str, text: str, labels: Labels, numbers: Numbers) -> Metric:
    metric = CounterMetricFamily(name.removesuffix("_total"), text, labels=labels)
    for values, (value,) in numbers:
        metric.add_metric(values, value)
    return metric


def _gauge(name: str, text: str, labels: Labels, numbers: Numbers) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=labels)
    for values, (value,) in numbers:
        metric.add_metric(values, value)
    return metric


def _histogram(name: str, text: str, labels: Labels, numbers: Numbers, bounds: tuple[float, ...]) -> Metric:
    metric = HistogramMetricFamily(name, text, labels=labels)
    ends = [*map(str, bounds), "+Inf"]
    for values, (total, *counts) in numbers:
        metric.add_metric(values, list(zip(ends, accumulate(counts), strict=True)), total)
    return metric
