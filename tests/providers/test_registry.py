"""What holds for the providers as a whole."""

from integration_api.providers import PROVIDERS, find


def test_only_what_is_built_in_can_be_asked_without_a_credential() -> None:
    assert [name for name, provider in PROVIDERS.items() if not provider.needs_credential] == ["sandbox"]


def test_no_name_or_alias_is_anybody_elses() -> None:
    names = [name for provider in PROVIDERS.values() for name in (provider.name, *provider.aliases)]
    assert len(names) == len(set(names))
    assert all(find(name.upper()) is find(name) is not None for name in names)
