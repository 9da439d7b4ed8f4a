"""Tokens between replicas: good for one call, at one machine, once, and not for long."""

import os
import time

import pytest

from integration_api.core.tenant import Tenant
from integration_api.services.peer_token import (
    AHEAD_SECONDS,
    KEPT_SECONDS,
    LENGTH,
    LIFETIME_SECONDS,
    PeerTokens,
    Refused,
    Spent,
)

HERE, MACHINE, CALL = Tenant(7, 9), "https://10.0.0.7:9004", (1 << 63) - 1


class Replica:
    def __init__(self, folder, key=b"k" * 32):
        self.now = time.time()
        self.tokens = PeerTokens(key, Spent(folder), lambda: self.now)

    def make(self):
        return self.tokens.make(MACHINE, HERE, CALL)

    def refusal(self, token, machine=MACHINE):
        with pytest.raises(Refused) as refused:
            self.tokens.open(machine, token)
        return refused.value.reason


@pytest.fixture
def replica(tmp_path):
    return Replica(tmp_path / "spent")


def test_opens_to_what_it_is_for_and_is_never_the_same(replica):
    token = replica.make()
    assert len(token) == LENGTH
    assert replica.make() != token
    asked = replica.tokens.open(MACHINE, token)
    assert (asked.tenant, asked.call_id) == (HERE, CALL)
    assert asked.proof == replica.tokens.proof(MACHINE, token)
    assert asked.proof != replica.tokens.proof(MACHINE, replica.make())


def test_no_other_character_anywhere_is_good(replica):
    token = replica.make()
    for at in range(len(token)):
        for letter in "AQgw_=/é":
            if letter != token[at]:
                assert replica.refusal(token[:at] + letter + token[at + 1 :]) == "forged"
    for other in ("", token[:-1], token + "=", token[:-1] + "\n", " " + token[1:]):
        assert replica.refusal(other) == "forged"
    # None of them has used it up.
    replica.tokens.open(MACHINE, token)


def test_is_good_at_no_other_machine_and_made_by_nobody_without_the_key(replica, tmp_path):
    token = replica.make()
    for machine in ("", "http://10.0.0.7:9004", MACHINE + "0"):
        assert replica.refusal(token, machine) == "forged"
    stranger = Replica(tmp_path / "other", b"K" * 32)
    assert replica.refusal(stranger.make()) == "forged"
    assert stranger.tokens.proof(MACHINE, token) != replica.tokens.proof(MACHINE, token)


@pytest.mark.parametrize(
    ("passed", "good"),
    [
        (LIFETIME_SECONDS - 0.1, True),
        (LIFETIME_SECONDS + 0.1, False),
        (0.1 - AHEAD_SECONDS, True),
        (-0.1 - AHEAD_SECONDS, False),
    ],
)
def test_lives_for_seconds_and_clocks_may_be_apart_a_little(replica, passed, good):
    token = replica.make()
    replica.now += passed
    if good:
        replica.tokens.open(MACHINE, token)
    else:
        assert replica.refusal(token) == "expired"
    assert LIFETIME_SECONDS + AHEAD_SECONDS <= 30


def test_is_good_once_whichever_process_it_comes_to_and_after_a_restart(replica, tmp_path):
    token = replica.make()
    replica.tokens.open(MACHINE, token)
    another = Replica(tmp_path / "spent")
    for one in (replica, another, Replica(tmp_path / "spent")):
        assert one.refusal(token) == "replayed"


def test_what_was_used_is_forgotten_when_it_is_worth_nothing_any_more(replica, tmp_path):
    old, young = replica.make(), replica.make()
    replica.tokens.open(MACHINE, old)
    replica.tokens.open(MACHINE, young)
    first, second = sorted((tmp_path / "spent").iterdir())
    os.utime(first, (replica.now - KEPT_SECONDS - 1,) * 2)
    Replica(tmp_path / "spent").tokens.open(MACHINE, replica.make())
    left = list((tmp_path / "spent").iterdir())
    assert first not in left
    assert second in left
    assert (tmp_path / "spent").stat().st_mode & 0o777 == 0o700


def test_lets_nobody_in_where_it_can_not_be_kept(tmp_path):
    (tmp_path / "file").touch()
    replica = Replica(tmp_path / "file" / "spent")
    with pytest.raises(OSError, match="Not a directory"):
        replica.tokens.open(MACHINE, replica.make())
