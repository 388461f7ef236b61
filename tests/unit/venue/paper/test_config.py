"""A configuration is checked when it is built, and says what is allowed."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.venue.paper import AccountConfig, ApiKey, Bounds, DepthProfile, OrderStatus, PaperConfig, Rules
from risksvc.venue.paper.config import DEMO_ACCOUNT
from risksvc.venue.paper.instruments import DEFAULT_INSTRUMENTS
from risksvc.venue.paper.opening import open_venue

D = Decimal
KEY = ApiKey(key="k", secret="s", permission="trade")


def test_the_default_is_the_demo_account_on_loopback() -> None:
    config = PaperConfig()
    assert (config.host, config.port) == ("127.0.0.1", 0)
    engine = open_venue(config, now_ms=0)
    assert engine.accounts["main"].wallets == {"USDT": D(1_000_000)}
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT"} <= set(engine.markets)


def test_an_instrument_may_have_a_depth_of_its_own() -> None:
    engine = open_venue(PaperConfig(depths={"BTCUSDT": DepthProfile(levels=1)}), now_ms=0)
    assert {key: engine.markets[key].profile.levels for key in ("BTCUSDT", "ETHUSDT")} == {"BTCUSDT": 1, "ETHUSDT": 25}


def test_a_secret_is_never_shown() -> None:
    assert "paper-trade-secret" not in repr(PaperConfig())


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: PaperConfig(host="0.0.0.0"), "loopback only"),
    (lambda: PaperConfig(host="example.org"), "loopback only"),
    (lambda: PaperConfig(port=65_536), "port"),
    (lambda: PaperConfig(accounts=(DEMO_ACCOUNT, DEMO_ACCOUNT)), "'main' is given twice"),
    (
        lambda: PaperConfig(accounts=(AccountConfig(name="a", keys=(KEY,)), AccountConfig(name="b", keys=(KEY,)))),
        "API key 'k' is given twice",
    ),
    (lambda: PaperConfig(instruments=(*DEFAULT_INSTRUMENTS, DEFAULT_INSTRUMENTS[0])), "'BTCUSDT' is given twice"),
    (lambda: PaperConfig(csv={"NOSUCH": Path("x")}), "csv: 'NOSUCH' is not one of the instruments"),
    (lambda: PaperConfig(prices={"NOSUCH": D(1)}), "prices: 'NOSUCH'"),
    (lambda: PaperConfig(depths={"NOSUCH": DepthProfile()}), "depths: 'NOSUCH'"),
    (lambda: PaperConfig(prices={"BTCUSDT": D(0)}), "above 0"),
    (lambda: PaperConfig(prices={"BTCUSDT": D("50000.05")}), "multiples of 0.1"),
    (lambda: AccountConfig(name="", keys=(KEY,)), "needs a name"),
    (lambda: AccountConfig(name="a", keys=()), "at least one API key"),
    (lambda: AccountConfig(name="a", keys=(KEY,), leverage=D("0.5")), "leverage"),
    (lambda: ApiKey(key="", secret="s", permission="trade"), "a key and a secret"),
    (lambda: ApiKey(key="k", secret="s", permission="all"), "'read' or 'trade'"),  # type: ignore[arg-type]
    (lambda: Rules(step_ms=0), "step_ms"),
    (lambda: Rules(speed=D(0)), "speed"),
    (lambda: Rules(funding_every_ms=-1), "funding_every_ms"),
    (lambda: Rules(funding_rate=D(1)), "funding_rate"),
    (lambda: Rules(partial_end=OrderStatus.FILLED), "Cancelled, PartiallyFilledCanceled"),
    (lambda: Bounds(executions=0), "at least 1"),
]


@pytest.mark.parametrize(("build", "text"), REFUSED, ids=range(len(REFUSED)))
def test_nonsense_is_refused_with_what_is_allowed(build: Callable[[], object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        build()


def test_prices_can_be_held_and_paths_can_follow_bars(tmp_path: Path) -> None:
    bars = tmp_path / "eth.csv"
    bars.write_text("timestamp,open,high,low,close,volume\n1641772800,3000,3100,2900,3050,1\n", encoding="utf-8")
    engine = open_venue(PaperConfig(prices={"BTCUSDT": D(43_000)}, csv={"ETHUSDT": bars}), now_ms=0)
    engine.advance(20_000)
    assert engine.markets["BTCUSDT"].mid == 43_000
    assert engine.markets["ETHUSDT"].mid == 2_900


def test_a_missing_bar_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none\.csv"):
        open_venue(PaperConfig(csv={"ETHUSDT": tmp_path / "none.csv"}), now_ms=0)
