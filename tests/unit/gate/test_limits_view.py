"""Limits as people and programs read them: the hash, the differences, what is in effect, the warnings."""

from dataclasses import replace
from pathlib import Path

import pytest

from risksvc.gate.limits_file import LoadedLimits, diff_limits, effective, parse_limits

ACCOUNT = "version: 1\naccounts:\n  main:\n    instruments:\n      BTC/USDT:USDT:\n"
STRATEGY = "    strategies:\n      maker:\n"
MAX_INTENDED = "        instruments: {BTC/USDT:USDT: {max_intended: 2}}\n"
SMALL = ACCOUNT + STRATEGY + MAX_INTENDED


def load(text: str) -> LoadedLimits:
    return parse_limits(text, path=Path("limits.yaml"))


# -- hash, differences --------------------------------------------------------------------------------------------


def test_the_hash_does_not_see_comments_order_layout_or_how_a_number_is_written() -> None:
    rewritten = """
# the same in other words
accounts: {main: {
  strategies: {maker: {band: {limit: 150.0}, instruments: {"BTC/USDT:USDT": {max_intended: {limit: 2.00}}}}},
  instruments: {BTC/USDT:USDT: {price_collar: 5, max_net_exposure: 50_000}}, max_total_exposure: 150000.0}}
currency: USD
rates: {USDT: 1}
version: "1"
"""
    one, other = load(SMALL), load(rewritten)
    assert one.limits == other.limits
    assert len(one.limits.hash) == 64
    assert diff_limits(one.limits, other.limits) == []


@pytest.mark.parametrize(
    "change",
    [
        ("max_intended: 2", "max_intended: 2.000000000000000001"),
        ("max_intended: 2", "max_intended: {limit: 2, mode: shadow}"),
        ("max_intended: 2", "max_intended: {limit: 2, warn_at: [50]}"),
        ("max_intended: 2", "max_intended: {limit: 2, warn_at: []}"),
        ("maker:", "maker:\n        band: {limit: 150, on_breach: halt}"),
        ("maker:", "maker:\n        belief: optional"),
        ("maker:", "maker:\n        belief_lag: 1s"),
        ("maker:", "maker:\n        belief_max_age: 31s"),
        ("maker:", "maker:\n        max_order_quantity: 1"),
        ("BTC/USDT:USDT:\n", "BTC/USDT:USDT: {price_collar: 4}\n"),
        ("BTC/USDT:USDT:\n", "BTC/USDT:USDT: {max_gross_exposure: 80_000}\n"),
        ("    instruments:\n      BTC", "    max_residual: 51\n    instruments:\n      BTC"),
        ("version: 1", "version: 1\nrates: {USDT: 0.9999}"),
    ],
)
def test_the_hash_sees_every_change_of_meaning_and_the_difference_names_it(change: tuple[str, str]) -> None:
    old, new = load(SMALL).limits, load(SMALL.replace(*change)).limits
    assert old.hash != new.hash
    assert len(diff_limits(old, new)) == 1


def test_the_difference_says_before_and_after_and_what_is_not_set() -> None:
    old = load(SMALL).limits
    new = load(
        SMALL.replace("maker:", "maker:\n        max_orders_per_second: 5").replace("intended: 2", "intended: 3")
    ).limits
    pair = "accounts.main.strategies.maker.instruments.BTC/USDT:USDT.max_intended"
    assert diff_limits(old, new) == [
        (pair, "2", "3"),
        ("accounts.main.strategies.maker.max_orders_per_second", "", "5"),
    ]
    assert diff_limits(new, old)[1] == ("accounts.main.strategies.maker.max_orders_per_second", "5", "")


def test_what_is_in_effect_is_listed_by_the_keys_of_the_file() -> None:
    text = SMALL.replace("maker:", "maker:\n        band: {limit: 120, mode: shadow, on_breach: deny, warn_at: [99.5]}")
    account = "accounts.main"
    assert effective(load(text).limits) == [
        ("currency", "USD"),
        ("rates.USD", "1"),
        ("rates.USDC", "1"),
        ("rates.USDT", "1"),
        (f"{account}.max_total_exposure", "150000"),
        (f"{account}.instruments.BTC/USDT:USDT.max_net_exposure", "50000"),
        (f"{account}.instruments.BTC/USDT:USDT.price_collar", "5"),
        (f"{account}.strategies.maker.band", "{limit: 120, warn_at: [99.5], mode: shadow, on_breach: deny}"),
        (f"{account}.strategies.maker.belief", "required"),
        (f"{account}.strategies.maker.belief_lag", "2s"),
        (f"{account}.strategies.maker.belief_max_age", "30s"),
        (f"{account}.strategies.maker.instruments.BTC/USDT:USDT.max_intended", "2"),
        (f"{account}.max_residual", "50"),
    ]


def test_a_field_that_the_hash_would_miss_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="currency of the limits has no written form: int"):
        effective(replace(load(SMALL).limits, currency=1))  # type: ignore[arg-type]


# -- warnings -----------------------------------------------------------------------------------------------------

FIRM_EXCEEDED = (
    "the accounts' max_total_exposure add up to 150000, more than the firm's 149999; "
    "all of them at once may exceed it, which no gate prevents"
)
UNNOTICED = "optional: a position tracker that is wrong goes unnoticed when the strategy sends no belief"
OUT_OF_REACH = "500000 can't be reached; the account's max_total_exposure is 150000"
NOT_CLAMPED = "the 150 % band follows whatever the strategy declares, and can't catch one that sizes double"


WARNINGS: list[tuple[str, str]] = [
    (ACCOUNT + STRATEGY, f"7: accounts.main.strategies.maker: no max_intended for BTC/USDT:USDT; {NOT_CLAMPED}"),
    (
        SMALL.replace("max_intended", "intended"),
        f"7: accounts.main.strategies.maker: no max_intended for BTC/USDT:USDT; {NOT_CLAMPED}",
    ),
    (ACCOUNT, "3: accounts.main: lists no strategies; every order of this account is denied"),
    (
        "version: 1\naccounts: {main: {strategies: {maker: }}}",
        "2: accounts.main: lists no instruments; every order of this account is denied",
    ),
    (SMALL + "firm: {max_total_exposure: 149_999}\n", f"9: firm.max_total_exposure: {FIRM_EXCEEDED}"),
    (
        SMALL.replace("maker:", "maker:\n        belief: optional"),
        f"8: accounts.main.strategies.maker.belief: {UNNOTICED}",
    ),
    (
        SMALL + "defaults: {max_total_exposure: {limit: 150000, mode: shadow}}\n",
        " in shadow mode, they deny nothing: accounts.main.max_total_exposure",
    ),
    (
        SMALL.replace("BTC/USDT:USDT:\n", "BTC/USDT:USDT: {max_net_exposure: 500_000}\n"),
        f"5: accounts.main.instruments.BTC/USDT:USDT.max_net_exposure: {OUT_OF_REACH}",
    ),
    (SMALL + "rates: {EUR: 1.1, USDC: 1}\n", "9: rates.EUR: no listed instrument is quoted in it; check the spelling"),
]


@pytest.mark.parametrize(("text", "warning"), WARNINGS)
def test_what_the_file_leaves_open_is_a_warning(text: str, warning: str) -> None:
    assert load(text).warnings == (f"limits.yaml:{warning}",)


def test_a_pair_that_limits_nothing_is_the_same_limits_as_none() -> None:
    written = ACCOUNT + STRATEGY + "        instruments: {BTC/USDT:USDT: }\n"
    assert load(written).limits == load(ACCOUNT + STRATEGY).limits


def test_a_gap_of_many_instruments_is_one_warning() -> None:
    listed = "".join(f"      C{number}/USDT:USDT:\n" for number in range(1000))
    assert (
        "C0/USDT:USDT, C1/USDT:USDT, C10/USDT:USDT and 997 more"
        in load(ACCOUNT.replace("      BTC/USDT:USDT:\n", listed) + STRATEGY).warnings[0]
    )
