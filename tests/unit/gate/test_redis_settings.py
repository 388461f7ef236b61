"""The settings' `redis` section: where the store is, as whom, and every mistake with what is allowed."""

import re
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from risksvc.gate.config_problems import SettingsFileError
from risksvc.gate.kill_switch.address import Credentials, Sentinels, StoreAddress
from risksvc.gate.redis_settings import RedisSettings
from risksvc.gate.settings import parse_settings

ROOT = Path(__file__).resolve().parents[3]
SMALL = """\
version: 1
limits: limits.yaml
accounts:
  main:
    venue: {exchange: bybit, key: {api_key_file: key, secret_env: BYBIT_SECRET}}
"""
ENVIRONMENT = {"P": "a/b@c", "S": "s", "C": "c", "I": "i"}


def section(text: str) -> RedisSettings:
    found = parse_settings(f"{SMALL}redis: {text}\n", path=Path("/etc/risksvc/risksvc.yaml")).redis
    assert found is not None
    return found


def address(text: str, *, initialise: bool = False) -> StoreAddress:
    return section(text).address(ENVIRONMENT, initialise=initialise)


def test_one_server() -> None:
    assert address("{url: 'redis://h:1/2'}") == StoreAddress("redis://h:1/2")
    named = address("{url: 'rediss://gate@h:1', password_env: P, replicas: 2}")
    assert named == StoreAddress("rediss://gate@h:1", user=Credentials("gate", "a/b@c"), replicas=2)
    assert address("{url: 'redis://h:1?replicas=1'}").replicas == 1
    assert "a/b@c" not in repr(named)


def test_sentinels() -> None:
    written = (
        "{sentinels: ['s1:26379', 's2', '[::1]:5'], master: mymaster, username: gate, password_env: P, "
        "sentinel_password_env: S, sentinel_username: looks, tls: {ca_file: ca.pem}, "
        "clears: {username: clear, password_env: C}, init: {username: init, password_env: I}}"
    )
    found = address(written)
    assert found.sentinels == Sentinels((("s1", 26379), ("s2", 26379), ("::1", 5)), "mymaster")
    assert found.sentinels.majority == 2
    assert found.replicas == 1
    assert (found.user, found.clears) == (Credentials("gate", "a/b@c"), Credentials("clear", "c"))
    assert found.sentinel_user == Credentials("looks", "s")
    assert found.server_url("10.0.0.1", 6379) == "rediss://10.0.0.1:6379/0?ssl_ca_certs=%2Fetc%2Frisksvc%2Fca.pem"
    assert found.shown == "rediss+sentinel://s1:26379,s2,[::1]:5/mymaster"
    assert address(written, initialise=True).user == Credentials("init", "i")


def test_a_sentinels_address_in_one_line() -> None:
    found = address("{url: 'redis+sentinel://gate@h1:1,h2:2,h3:3/mymaster?db=4&replicas=2', password_env: P}")
    assert found.sentinels == Sentinels((("h1", 1), ("h2", 2), ("h3", 3)), "mymaster")
    assert (found.replicas, found.user) == (2, Credentials("gate", "a/b@c"))
    assert found.server_url("fe80::1", 9) == "redis://[fe80::1]:9/4"
    assert StoreAddress.of("redis+sentinel://u:p%2F@h1,h2,h3/m").url_user == Credentials("u", "p/")
    assert StoreAddress.of("redis+sentinel://h1,h2,h3/m").url_user is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "redis.url: is missing; write it, or sentinels and master"),
        ("{url: 'redis://h', sentinels: [h], master: m}", "redis.url: stands beside sentinels"),
        ("{sentinels: [h]}", "redis.master: is missing"),
        ("{sentinels: ['h:x'], master: m}", "must be a sentinel's HOST:PORT; found 'h:x'"),
        ("{url: 'redis://h', master: m}", "redis.master: belongs to sentinels"),
        ("{url: 'redis://h', sentinel_password_env: S}", "redis.sentinel_password_env: belongs to sentinels"),
        ("{url: 'redis://h', tls: {ca_file: a}}", "redis.tls: needs an address that begins with rediss://"),
        ("{url: 'rediss://h', tls: {cert_file: a}}", "redis.tls.cert_file: needs key_file beside it"),
        ("{sentinels: [s1], master: m, replicas: 0}", "redis.replicas: 0 can't stand beside sentinels"),
        ("{url: 'redis://h', replicas: 9}", "redis.replicas: must be a whole number 0 or more, at most 8"),
        ("{url: 'redis://h', clears: {password_env: C}}", "redis.clears.username: is missing"),
        ("{url: 'redis://h', clears: {username: a, password: C}}", "redis.clears.password: is never written here"),
        ("{url: 'redis+sentinel://h1,h2,h3'}", "redis.url: must be redis://HOST:PORT"),
        ("{url: 'redis+sentinel://u:hidden@h1,h2,h3/m'}", "redis.url: must not hold the password"),
    ],
)
def test_mistakes(text: str, told: str) -> None:
    with pytest.raises(SettingsFileError) as caught:
        section(text)
    assert told in str(caught.value)
    assert "hidden" not in str(caught.value)


def _documented() -> list[str]:
    """Each `redis:` section that deploy/redis/README.md shows, without its indentation."""
    text = (ROOT / "deploy/redis/README.md").read_text(encoding="utf-8")
    return [textwrap.dedent(found) for found in re.findall(r"^    redis:\n(?:      .*\n)+", text, re.MULTILINE)]


def _documented_settings(text: str) -> RedisSettings:
    found = parse_settings(SMALL + text, path=Path("/etc/risksvc/risksvc.yaml")).redis
    assert found is not None
    return found


def test_the_documented_sections_are_valid_and_can_resume_and_begin() -> None:
    one, three = (_documented_settings(text) for text in _documented())
    assert one.url.startswith("rediss://")
    assert three.url.startswith("rediss+sentinel://")
    assert (one.user, one.clears, one.init) == (three.user, three.clears, three.init)
    assert [user and user.username for user in (one.user, one.clears, one.init)] == [
        "risksvc-gate",
        "risksvc-clear",
        "risksvc-init",
    ]


def test_the_template_shows_the_same_section() -> None:
    template = (ROOT / "risksvc/gate/templates/risksvc.yaml").read_text(encoding="utf-8")
    commented = re.search(r"^# redis:\n(?:#   .*\n)+", template, re.MULTILINE)
    assert commented is not None
    shown = _documented_settings(re.sub(r"^# ", "", commented[0], flags=re.MULTILINE))
    assert shown == replace(_documented_settings(_documented()[0]), replicas=0)
