"""The law of carriers' answers: what was recorded of their numbers is told whole."""

from collections.abc import Callable, Mapping

from integration_api.providers import PROVIDERS
from tests.laws import replay
from tests.laws.cases import Case


def numbers(case: Case) -> None:
    carrier = PROVIDERS[case.provider].telephony
    told = replay.answered(carrier.numbers(replay.credential(case)), replay.reply(case)).numbers
    assert [(one.number, one.id, one.name, set(one.capabilities)) for one in told] == case.speaker.numbered(
        replay.json(case)
    )
    assert told


LAWS: Mapping[str, Callable[[Case], None]] = {"numbers": numbers}
