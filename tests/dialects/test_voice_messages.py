"""Options for a provider, out of protobuf."""

import math

import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.dialects.telephony_messages import read_call
from integration_api.dialects.voice_messages import read_target
from integration_api.proto import voice_pb2 as wire


def test_options_are_json_with_whole_numbers() -> None:
    target = wire.Target()
    target.provider_options.update({"a": 1, "b": [1.5, {"c": 2}], "d": None})
    options = read_target(target).provider_options
    assert options == {"a": 1, "b": [1.5, {"c": 2}], "d": None}
    assert [type(one) for one in (options["a"], options["b"][1]["c"])] == [int, int]


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_what_json_can_not_say_is_refused_by_its_name(number: float) -> None:
    target, call = wire.Target(), wire.CreateCallRequest()
    for asked, read in ((target, read_target), (call, read_call)):
        asked.provider_options.update({"a": [{"b": number}]})
        with pytest.raises(Failure, match="has no number for infinity") as refused:
            read(asked)
        assert (refused.value.kind, refused.value.param) == (Kind.INVALID_REQUEST, "provider_options")
