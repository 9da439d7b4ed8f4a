"""Utterances are told as they began, each to its end."""

from typing import Any

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.tts import Flushed
from integration_api.services.telling_order import TellingOrder
from integration_api.services.tts_words import Done
from integration_api.services.utterance import Utterance

FORM = AudioFormat(Encoding.PCM_S16LE, 16_000)


def order(ids: str) -> TellingOrder:
    made = TellingOrder()
    made.open.update({id: Utterance(id, FORM, FORM, 20, 0.0) for id in ids})
    return made


def spoken(made: TellingOrder, id: str) -> list[Any]:
    made.open[id].spoken = True
    return made.tell(id, [done(id)])


def done(id: str) -> Done:
    return Done(utterance_id=id, audio_ms=0, characters=0)


def test_what_is_spoken_early_is_told_behind_all_that_began_before_it() -> None:
    made = order("abcd")
    assert spoken(made, "c") == spoken(made, "b") == made.tell("d", [Flushed("d")]) == []
    assert made.tell("a", [Flushed("a")]) == [Flushed("a")]
    assert made.turn_since == 0.0
    assert spoken(made, "a") == [done("a"), done("b"), done("c"), Flushed("d")]
    assert made.turn_since > 0.0
    assert made.tell("d", [Flushed("d")]) == [Flushed("d")]
    assert list(made.open) == ["d"]


def test_who_is_cancelled_makes_way_and_is_not_told_any_more() -> None:
    made = order("abc")
    one = made.open["a"]
    assert spoken(made, "c") == made.tell("b", [Flushed("b")]) == []
    assert made.drop("b") is not None
    assert made.drop("b") is None
    assert made.turn_since > 0.0
    assert made.drop("a") is one
    assert made.go_on() == [done("c")]
    assert made.go_on() == []
    made.open["b"] = one
    assert made.go_on() == []
