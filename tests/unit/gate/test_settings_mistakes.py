"""Every mistake in a settings file, by its line; and secrets, which it never holds and never prints."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from risksvc.gate.config_problems import SettingsFileError
from risksvc.gate.settings import parse_settings

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "settings"
PATH = Path("/etc/risksvc/risksvc.yaml")
SECRET = "not-a-real-secret-42"  # noqa: S105 - what a person might have written in the file


def table(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((FIXTURES / name).read_text("utf-8"))
    return read


MISTAKES, SECRETS = table("mistakes.yaml"), table("secrets.yaml")


def errors_of(text: str) -> list[str]:
    with pytest.raises(SettingsFileError) as refused:
        parse_settings(text, path=PATH)
    return [str(error).removeprefix(f"{PATH}:") for error in refused.value.errors]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(name: str) -> None:
    assert sorted(errors_of(MISTAKES[name]["text"])) == MISTAKES[name]["errors"]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_the_file_is_refused_and_never_printed(name: str) -> None:
    assert SECRET in SECRETS[name]["text"]
    errors = errors_of(SECRETS[name]["text"])
    assert any(SECRETS[name]["error"] in each for each in errors)
    assert not any(SECRET in each for each in errors)


def test_a_key_has_one_place_and_every_mistake_in_it_is_told() -> None:
    key = "{api_key_file: a, api_key_env: A, secret_fil: b, uid_env: 1x, password_file: ~/p}"
    where = "4: accounts.main.venue.key"
    told = errors_of(f"version: 1\naccounts:\n  main:\n    venue: {{exchange: bybit, key: {key}}}\n")
    assert told[:2] == [
        f"{where}.api_key_env: is named twice; keep api_key_file or api_key_env",
        f"{where}.password_file: must be the path of a file, written out",
    ]
    assert told[2].startswith(f"{where}.secret_fil: unknown key (did you mean 'secret_file'?); allowed: api_key_file, ")
    assert told[3] == f"{where}.uid_env: must be the name of an environment variable, like BYBIT_SECRET"
