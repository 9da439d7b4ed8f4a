"""Who is believed about a model, for how long, and by whom."""

import random
from pathlib import Path
from typing import Any

import pytest

from integration_api.app import models_known
from integration_api.core.credential import Credential
from integration_api.core.errors import Failure
from integration_api.core.models import LONGEST_NAME, UNKNOWN, Capabilities, ModelInfo
from integration_api.core.tenant import Tenant
from integration_api.providers import PROVIDERS
from integration_api.services import catalogue as service
from integration_api.services import clock
from integration_api.services.call import Account
from integration_api.services.catalogue import BadBook, Catalogue, read, shipped
from integration_api.services.target import resolve
from integration_api.settings import SettingsError, load

OPENAI, ANTHROPIC, AZURE = PROVIDERS["openai"], PROVIDERS["anthropic"], PROVIDERS["azure-openai"]
MINE, THEIRS = Account(Tenant(1, 1), 7, 1), Account(Tenant(2, 2), 8, 1)
DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(clock, "perf", made)
    return made


def known(
    book: Catalogue, model: str, account: Any = MINE, provider: str = "openai", **fields: str
) -> Capabilities:
    return book.known(PROVIDERS[provider], model, Credential(provider, fields), account)


def learn(book: Catalogue, *models: ModelInfo, account: Any = MINE, provider: str = "openai") -> None:
    book.learn(PROVIDERS[provider], Credential(provider), account, models)


def listed(id: str, **told: Any) -> ModelInfo:
    return ModelInfo(id=id, known=Capabilities(**told))


SHIPPED = read(
    '[openai.models.m]\nmax_output_tokens = 100\ncontext_window = 1000\ntools = true\nrefuses = ["seed"]'
)
OPERATORS = read('[openai.models.m]\nmax_output_tokens = 300\ntakes = ["seed"]\nrefuses = ["stop"]')


def test_each_fact_has_the_highest_voice_that_tells_it() -> None:
    book = Catalogue(SHIPPED, OPERATORS, live_seconds=DAY)
    before = known(book, "m")
    assert (before.max_output_tokens, before.context_window, before.tools) == (300, 1000, True)
    assert (before.takes, before.refuses) == (("seed",), ("stop",))
    learn(
        book, listed("m", max_output_tokens=200, context_window=2000, refuses=("n", "seed"), takes=("stop",))
    )
    after = known(book, "m")
    assert (after.max_output_tokens, after.context_window, after.tools) == (300, 2000, True)
    assert (after.takes, after.refuses) == (("seed",), ("stop", "n"))


def test_without_the_operator_the_list_wins_and_without_a_list_what_is_shipped() -> None:
    book = Catalogue(SHIPPED, {}, live_seconds=DAY)
    assert known(book, "m").max_output_tokens == 100
    learn(book, listed("m", max_output_tokens=200))
    assert known(book, "m").max_output_tokens == 200
    assert known(book, "someone-else") is UNKNOWN


def test_a_list_is_believed_for_so_long_and_kept_for_a_provider_that_fails(time: Clock) -> None:
    book = Catalogue(SHIPPED, {}, live_seconds=60.0)
    learn(book, listed("m", max_output_tokens=200))
    time.time += 59.9
    assert known(book, "m").max_output_tokens == 200
    time.time += 0.1
    assert known(book, "m").max_output_tokens == 100
    seen = book.listed(OPENAI, MINE)
    assert seen is not None
    assert [model.id for model in seen.models] == ["m"]
    learn(book, listed("m", max_output_tokens=201))
    assert known(book, "m").max_output_tokens == 201


@pytest.mark.parametrize(
    "other",
    [THEIRS, Account(Tenant(1, 1), 7, 2), Account(Tenant(1, 1), 9, 1), Account(Tenant(1, 2), 7, 1), None],
)
def test_what_one_account_saw_is_nobody_elses(other: Account | None) -> None:
    book = Catalogue({}, {}, live_seconds=DAY)
    learn(book, listed("ft:gpt-4o:mine", max_output_tokens=5))
    assert known(book, "ft:gpt-4o:mine").max_output_tokens == 5
    assert known(book, "ft:gpt-4o:mine", other) is UNKNOWN
    assert book.listed(OPENAI, other) is None


def test_a_name_that_pins_a_way_has_what_is_known_of_that_way() -> None:
    operators = read('[huggingface.models."a/b:x"]\ncontext_window = 3')
    book = Catalogue({}, operators, live_seconds=DAY)
    model = ModelInfo(
        id="a/b",
        known=Capabilities(tools=True),
        routes={"a/b:x": Capabilities(tools=False, context_window=1), "a/b:y": Capabilities(tools=True)},
    )
    learn(book, model, provider="huggingface")
    pinned = known(book, "a/b:x", provider="huggingface")
    assert (pinned.tools, pinned.context_window) == (False, 3)
    assert known(book, "a/b", provider="huggingface").tools is True
    assert known(book, "a/b:fastest", provider="huggingface") is UNKNOWN
    listed_ = book.listed(PROVIDERS["huggingface"], MINE)
    assert listed_ is not None
    assert listed_.models[0].routes["a/b:x"] == pinned


def test_a_model_is_found_in_a_list_by_whichever_of_its_names_stands_there() -> None:
    book = Catalogue({}, {}, live_seconds=DAY)
    learn(book, listed("gemini-new", max_output_tokens=5), provider="gemini")
    assert known(book, "models/gemini-new", provider="gemini").max_output_tokens == 5
    learn(book, listed("gpt-new", context_window=7), provider="azure-openai")
    mine = known(book, "mine", provider="azure-openai", deployments='{"mine": "gpt-new"}')
    assert mine.context_window == 7
    assert known(book, "mine", provider="azure-openai") is UNKNOWN


def test_what_one_provider_said_is_not_anothers_word() -> None:
    book = Catalogue({}, {}, live_seconds=DAY)
    learn(book, listed("m", max_output_tokens=5))
    assert known(book, "m", provider="groq") is UNKNOWN


def test_memory_is_bounded_by_models_and_the_longest_unlisted_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "MOST_MODELS", 1_000)
    book, dice = Catalogue({}, {}, live_seconds=DAY), random.Random(4)  # noqa: S311 - the same dice each time
    accounts = [Account(Tenant(n, n), n, 1) for n in range(60)]
    last: list[Account] = []
    for _ in range(400):
        account = dice.choice(accounts)
        learn(
            book, *(listed(f"m{n}", context_window=n + 1) for n in range(dice.randrange(80))), account=account
        )
        last = [one for one in last if one != account] + [account]
        remembered = [one for one in accounts if book.listed(OPENAI, one) is not None]
        size = sum(len(found.known) + 1 for one in remembered if (found := book.listed(OPENAI, one)))
        assert size <= 1_000
        assert set(remembered) == set(last[-len(remembered) :]), "the last ones listed are kept"
    assert len(remembered) > 5


def test_one_list_longer_than_the_bound_is_kept_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_MODELS", 3)
    book = Catalogue({}, {}, live_seconds=DAY)
    learn(book, listed("a"), account=THEIRS)
    learn(book, *(listed(f"m{n}", context_window=1) for n in range(9)))
    assert known(book, "m8").context_window == 1
    assert book.listed(OPENAI, THEIRS) is None


# --- whose model it is -------------------------------------------------------------------------


@pytest.mark.parametrize(("provider", "model", "fields", "maker"), [
    ("openai", "gpt-4o-2024-08-06", {}, ("openai", "gpt-4o")),
    ("anthropic", "claude-haiku-4-5-20251001", {}, ("anthropic", "claude-haiku-4-5")),
    ("vertexai", "claude-haiku-4-5@20251001", {}, ("anthropic", "claude-haiku-4-5")),
    ("vertexai", "publishers/anthropic/models/claude-haiku-4-5-20251001", {}, ("anthropic", "claude-haiku-4-5")),
    ("vertexai", "gemini-2.5-pro", {}, ("gemini", "gemini-2.5-pro")),
    ("gemini", "models/gemini-2.5-pro", {}, ("gemini", "gemini-2.5-pro")),
    ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", {}, ("anthropic", "claude-haiku-4-5")),
    ("bedrock", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5", {}, ("anthropic", "claude-opus-5")),
    ("bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/x", {"base_model": "anthropic.claude-opus-5"},
     ("anthropic", "claude-opus-5")),
    ("azure-openai", "mine", {"deployments": '{"mine": "gpt-4o"}'}, ("openai", "gpt-4o")),
])  # fmt: skip
def test_what_is_shipped_of_a_model_holds_wherever_it_is_served(provider, model, fields, maker) -> None:
    book = Catalogue(shipped(), {}, live_seconds=DAY)
    expected = shipped()[maker[0]].models[maker[1]]
    assert expected != UNKNOWN
    assert known(book, model, provider=provider, **fields) == expected


@pytest.mark.parametrize(("provider", "model"), [
    ("openai", "gpt-4o-audio-preview"), ("openai", "ft:gpt-4o:me::1"), ("openai", "gpt-4o-mini-tts"),
    ("azure-openai", "gpt-4o"), ("bedrock", "arn:aws:bedrock:us-east-1:1:custom-model/gpt-4o"),
    ("vertexai", "endpoints/123"), ("vertexai", "deepseek-ai/deepseek-v3-maas"), ("openrouter", "openai/gpt-4o"),
])  # fmt: skip
def test_a_name_that_only_begins_like_anothers_is_nobodys(provider, model) -> None:
    assert known(Catalogue(shipped(), {}, live_seconds=DAY), model, provider=provider) is UNKNOWN


def test_a_calls_own_base_model_says_whose_it_is() -> None:
    book = Catalogue(shipped(), {}, live_seconds=DAY)
    found = book.known(AZURE, "mine", Credential("azure-openai"), MINE, {"base_model": "gpt-4o"})
    assert found == shipped()["openai"].models["gpt-4o"]


def test_the_operator_can_mean_one_host_or_the_model_anywhere() -> None:
    operators = read(
        '["azure-openai".models]\nmine = {max_output_tokens = 1}\n'
        "[openai.models]\ngpt-4o = {max_output_tokens = 2, tools = false}"
    )
    book = Catalogue(shipped(), operators, live_seconds=DAY)
    mine = known(book, "mine", provider="azure-openai", deployments='{"mine": "gpt-4o"}')
    assert (mine.max_output_tokens, mine.tools, mine.context_window) == (1, False, 128_000)
    assert known(book, "gpt-4o-2024-08-06").max_output_tokens == 2


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "told"), [
    ("[openai.models.m]\nmax_tokens = 5", "max_tokens"),
    ("[openai.models.m]\nmax_output_tokens = '5'", "max_output_tokens"),
    ("[openai.models.m]\nrefuses = ['temprature']", "temprature"),
    ("[opanai.models.m]\ntools = true", "opanai"),
    ("[openai]\nmodel = {}", "model"),
    ("[openai.models.m]\nmax_output_tokens = 0", "max_output_tokens"),
    ("[azure.models.m]\ntools = true\n[azure-openai.models.m]\ntools = true", "azure-openai"),
    ("[openai", "]"),
])  # fmt: skip
def test_a_file_that_can_not_be_meant_stops_the_start_and_says_where(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "models.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"^MODELS__FILE: ") as stopped:
        models_known(load({"MODELS__FILE": str(file)}))
    assert told in str(stopped.value)
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_can_not_be_read_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "models.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"MODELS__FILE: .*models\.toml can not be read"):
        models_known(load({"MODELS__FILE": str(file)}))


def test_a_provider_may_be_called_by_any_of_its_names() -> None:
    book = Catalogue({}, read("[azure.models.mine]\ntools = false"), live_seconds=DAY)
    assert known(book, "mine", provider="azure-openai").tools is False


@pytest.mark.parametrize("count", [0, -1])
def test_a_limit_that_nobody_could_keep_is_not_believed(count: int) -> None:
    book = Catalogue(SHIPPED, {}, live_seconds=DAY)
    learn(book, listed("m", max_output_tokens=count, context_window=count, tools=False))
    found = known(book, "m")
    assert (found.max_output_tokens, found.context_window, found.tools) == (100, 1000, False)


def test_the_operators_file_and_its_belief_are_settings(tmp_path: Path, time: Clock) -> None:
    file = tmp_path / "models.toml"
    file.write_text('[openai.models."gpt-4o"]\nmax_output_tokens = 9')
    book = models_known(load({"MODELS__FILE": str(file), "MODELS__LIVE_SECONDS": "5"}))
    assert known(book, "gpt-4o").max_output_tokens == 9
    learn(book, listed("gpt-4o", context_window=1))
    assert known(book, "gpt-4o").context_window == 1
    time.time += 5
    assert known(book, "gpt-4o").context_window == 128_000


def test_what_is_shipped_is_dated_and_says_its_page() -> None:
    for maker, published in shipped().items():
        assert maker in PROVIDERS
        assert published.source.startswith("https://")
        assert published.noted is not None
        assert all(model != UNKNOWN for model in published.models.values())


def test_names_too_long_to_be_any_models_fill_no_memory() -> None:
    book = Catalogue(shipped(), {}, live_seconds=DAY)
    long = "m" * (LONGEST_NAME + 1)
    for model, provider in ((f"openai/{long}", None), (long, "openai")):
        with pytest.raises(Failure, match="no model's name is longer") as refused:
            resolve(model, provider=provider)
        assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
    for provider in (AZURE, PROVIDERS["bedrock"]):
        with pytest.raises(Failure, match="no model's name is longer"):
            book.known(provider, "m", Credential(provider.name), MINE, {"base_model": long})
    assert book.names_kept == 0
    assert resolve("openai/" + "m" * (LONGEST_NAME - 7)).model


def test_a_book_that_is_wrong_is_refused_before_anything_is_believed() -> None:
    with pytest.raises(BadBook):
        read("[openai.models.m]\nsampling = 'yes'")
