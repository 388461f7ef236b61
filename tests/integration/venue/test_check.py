"""A venue tried out before anything depends on it: real ccxt against the paper venue, which can misbehave."""

import asyncio

import pytest

from risksvc.venue.abilities import Finding, Verdict
from risksvc.venue.check import REFUSED, UNREACHABLE, USABLE, VenueCheck, check_venue
from tests.integration.venue.rig import BTC, Rig


async def checked(rig: Rig, **overrides: object) -> VenueCheck:
    return await asyncio.to_thread(check_venue, rig.config(**overrides), offline=False)


def row(check: VenueCheck, name: str) -> Finding:
    (found,) = [each for each in check.tried if each.name == name]
    return found


async def test_it_says_what_it_found(rig: Rig) -> None:
    await rig.order("a", "buy", "0.5")
    await rig.order("b", "buy", "0.1", "30000")
    check = await checked(rig)
    assert (check.code, check.problem) == (USABLE, "")
    assert [each.name for each in check.tried] == ["clock offset", "markets", "key", "complete read", "hedge rows"]
    assert "ms ahead of this machine" in row(check, "clock offset").says or "behind" in row(check, "clock offset").says
    assert "linear" in row(check, "markets").says
    assert row(check, "key").says == "it reads only"
    assert row(check, "complete read").says.startswith("1 positions, 1 open orders, ")
    assert row(check, "hedge rows").verdict is Verdict.YES


async def test_a_key_of_the_wrong_kind_is_said(rig: Rig) -> None:
    trade = {"api_key": "paper-trade", "api_secret": "paper-trade-secret"}
    assert row(await checked(rig, **trade), "key").verdict is Verdict.PARTLY
    assert row(await checked(rig, allow_orders=True), "key").verdict is Verdict.NO
    assert row(await checked(rig, allow_orders=True, **trade), "key").says == "it may read and cancel"


async def test_a_key_that_is_refused(rig: Rig) -> None:
    check = await checked(rig, api_secret="wrong")
    assert check.code == REFUSED
    assert "refuses this key" in check.problem
    assert "wrong" not in check.problem
    assert check.report  # what can be known without the venue is still said


async def test_without_a_key_the_rest_is_tried(rig: Rig) -> None:
    check = await checked(rig, api_key="", api_secret="")
    assert check.code == USABLE
    assert [each.name for each in check.tried] == ["clock offset", "markets", "key"]
    assert "none was given" in row(check, "key").says


async def test_an_instrument_that_is_not_listed_is_named(rig: Rig) -> None:
    check = await checked(rig, instruments=(BTC, "NOPE/USDT:USDT"))
    assert row(check, "markets").verdict is Verdict.PARTLY
    assert "NOPE/USDT:USDT" in row(check, "markets").says


@pytest.mark.parametrize("path", ["/v5/market/time", "/v5/position/list"])
async def test_a_venue_that_does_not_answer_is_not_usable_now(rig: Rig, path: str) -> None:
    rig.fault("http_error", path, status=503)
    check = await checked(rig)
    assert check.code == UNREACHABLE
    assert "can't be reached or read now: " in check.problem
    assert "\n" not in check.problem
