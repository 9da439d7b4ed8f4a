"""OpenAI's recorded answers, translated, say to its SDK what the bytes themselves say to it."""

import dataclasses

import pytest
from openai.types.chat import ChatCompletion

from tests.laws.speaker import data_lines
from tests.providers.surfaced import Said, chats, read, streamed, through_our_door


@pytest.mark.parametrize("case", chats("openai"))
def test_nothing_is_lost_in_translation(case) -> None:
    if case.streamed:
        theirs = read(streamed(data_lines(case.body)))
    else:
        theirs = read(ChatCompletion.model_validate_json(case.body))
    assert through_our_door(case) == completed(theirs)


def completed(said: Said) -> Said:
    """An SDK shows a call without arguments as the vendor does, as no text; for us it is an empty object."""
    return dataclasses.replace(
        said,
        choices=tuple(
            dataclasses.replace(
                choice, calls=tuple((name, {} if given == "" else given) for name, given in choice.calls)
            )
            for choice in said.choices
        ),
    )
