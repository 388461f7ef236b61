"""Bounded, numbered logs and what an account forgets."""

import random
from dataclasses import dataclass

from risksvc.venue.paper.accounts import RECENTLY_CLOSED, Bounds
from risksvc.venue.paper.history import SymbolLog
from tests.unit.venue.paper.builders import Venue


@dataclass(frozen=True)
class Item:
    number: int
    symbol: str = "A"


def numbers(log: SymbolLog[Item], *, symbol: str = "", before: int | None = None) -> list[int]:
    return [item.number for item in log.newest_first(symbol=symbol, before=before)]


def test_pages_are_newest_first_from_below_a_number() -> None:
    log: SymbolLog[Item] = SymbolLog(100)
    for number in (1, 2, 5, 9):
        log.add(Item(number))
    assert numbers(log) == [9, 5, 2, 1]
    assert [numbers(log, before=before) for before in (9, 6, 5, 1)] == [[5, 2, 1], [5, 2, 1], [2, 1], []]


def test_late_entries_find_their_place() -> None:
    log: SymbolLog[Item] = SymbolLog(1_000)
    order = list(range(500))
    random.Random(1).shuffle(order)
    for number in order:
        log.add(Item(number, "A" if number % 3 else "B"))
    assert numbers(log) == list(range(499, -1, -1))
    assert numbers(log, symbol="B") == [number for number in range(499, -1, -1) if number % 3 == 0]
    assert numbers(log, symbol="C") == []


def test_the_oldest_are_forgotten_everywhere_beyond_the_cap() -> None:
    log: SymbolLog[Item] = SymbolLog(80)
    dropped: list[int] = []
    for number in range(1_000):
        dropped += [item.number for item in log.add(Item(number, "AB"[number % 2]))]
        assert len(log) <= 90
        assert len(log) == log.count("A") + log.count("B")
    assert dropped == list(range(len(dropped)))
    assert numbers(log) == list(range(999, len(dropped) - 1, -1))
    assert numbers(log, symbol="A") == [number for number in numbers(log) if number % 2 == 0]


def test_removing_what_is_not_there_does_nothing() -> None:
    log: SymbolLog[Item] = SymbolLog(10)
    log.add(Item(1))
    log.remove(Item(2))
    log.remove(Item(3, "Z"))
    log.remove(Item(1))
    assert not len(log)
    assert not log.count("A")


def test_an_account_forgets_old_orders_with_their_ids() -> None:
    venue = Venue(bounds=Bounds(closed_orders=8, executions=16))
    for number in range(100):
        venue.order("Buy", "0.01", "50005", link_id=f"id-{number}")
        venue.wait()
    account = venue.account
    assert len(account.closed_orders) <= 9
    assert len(account.executions) <= 18
    assert len(account._by_id) == len(account._by_link) == len(account.closed_orders)
    assert account.find(link_id="id-0") is None
    newest = account.find(link_id="id-99")
    assert newest is not None
    assert account.find(order_id=newest.order_id, link_id="id-0") is newest, "the venue's id wins"


def test_only_the_last_closed_orders_count_as_recent() -> None:
    venue = Venue()
    first = venue.order("Buy", "0.001", "50005")
    for _ in range(RECENTLY_CLOSED - 1):
        venue.order("Buy", "0.001", "50005", symbol="BTCUSDT")
        venue.wait()
    assert venue.account.recently_closed(first)
    venue.order("Buy", "0.001", "50005")
    assert not venue.account.recently_closed(first)
