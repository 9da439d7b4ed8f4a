"""Utterances that wait for their turn are told all that was said of them meanwhile, in its order."""

from integration_api.core.session import Act, Say
from integration_api.dialects.one_at_a_time import OneAtATime


def queue() -> OneAtATime:
    def speak(id: str, text: str, ssml: bool) -> list[Act]:
        return [Say(f"{id}: {text}")]

    return OneAtATime(speak, lambda one: [Say(f"{one} ends")], lambda one: [Say(f"{one} is flushed")])


def said(acts: list[Act]) -> list[str | bytes]:
    return [one.message for one in acts if isinstance(one, Say)]


def test_what_was_asked_of_one_that_waits_is_asked_when_its_turn_comes() -> None:
    voices = queue()
    assert said(voices.text("a", "One.")) == ["a: One."]
    for acts in (
        voices.text("b", "Two."), voices.flush("b"), voices.text("b", "Three."), voices.flush("c"), voices.text("c", "Four."),
    ):  # fmt: skip
        assert acts == []
    assert said(voices.flush("a")) == ["a is flushed"]
    assert said(voices.end("a")) == ["a ends"]
    assert said(voices.next()) == ["b: Two.", "b is flushed", "b: Three."]
    assert said(voices.flush("b")) == ["b is flushed"]
    assert said(voices.next()) == ["c: Four."]


def test_one_that_has_the_name_of_one_that_was_cut_is_flushed_in_its_place() -> None:
    voices = queue()
    voices.text("a", "One.")
    assert voices.cancel("a")
    assert [*voices.text("a", "Two."), *voices.flush("a"), *voices.end("a")] == []
    assert said(voices.next()) == ["a: Two.", "a is flushed", "a ends"]
