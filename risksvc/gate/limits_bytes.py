"""Limits on their way from the process that read the file to the gate: made there once, taken up here in portions.

A file of ten thousand instruments is some hundred thousand objects, and a journal entry of a megabyte: made in one
piece on the thread that decides, every check would wait for it. So each large table comes as bytes, cut into portions
of a few rows, and the whole table as the journal will hold it, which an append only copies.

Rule 1: what the journal gets and what decides are the same bytes: a portion is a cut of the table, not another form of
it. Rule 2: a field that has its default is left out of a table, which the journal's reader fills in; so a default of
`risksvc.core.limits` must never change. Rule 3: rows that are written alike become one object.
"""

import dataclasses
import struct
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

import msgspec

from risksvc.core.limits import AccountLimits, InstrumentLimits, Limits, StrategyInstrumentLimits, StrategyLimits
from risksvc.gate.constructing import reader

ROWS_AT_ONCE = 100
_HEADER = struct.Struct(">BI")  # MessagePack's map with a length of four bytes
_MAP32 = 0xDF


class Table(msgspec.Struct, frozen=True):
    """One mapping by symbol: of an account's instruments, or (with a strategy) of one strategy's in it.

    `data`: the whole as MessagePack; `cuts`: where in it each portion begins, and its number of rows.
    """

    account: str
    strategy: str
    data: bytes
    cuts: list[tuple[int, int]]

    def portions(self) -> Iterator[bytes]:
        """Each portion as a map of its own."""
        starts = [start for start, _ in self.cuts]
        for (start, rows), end in zip(self.cuts, [*starts, len(self.data)][1:], strict=True):
            yield _HEADER.pack(_MAP32, rows) + self.data[start:end]


class PackedLimits(msgspec.Struct, frozen=True):
    """All limits: `frame` without its large tables, and those."""

    frame: bytes
    tables: list[Table]


_ENCODE = msgspec.msgpack.Encoder().encode
_FRAME = reader(Limits)
_ROWS = msgspec.msgpack.Decoder(dict[str, msgspec.Raw]).decode
_INSTRUMENT = reader(InstrumentLimits)
_PAIR = reader(StrategyInstrumentLimits)


# -- packing ------------------------------------------------------------------------------------------------------


def pack_limits(limits: Limits) -> PackedLimits:
    """For the process that read the file."""
    tables: list[Table] = []
    accounts = {}
    for name, account in limits.accounts.items():
        tables.append(_table(name, "", account.instruments))
        tables += [_table(name, strategy, own.instruments) for strategy, own in account.strategies.items()]
        strategies = {one: dataclasses.replace(own, instruments={}) for one, own in account.strategies.items()}
        accounts[name] = dataclasses.replace(account, instruments={}, strategies=strategies)
    return PackedLimits(_ENCODE(dataclasses.replace(limits, accounts=accounts)), tables)


def _table(account: str, strategy: str, rows: Mapping[str, object]) -> Table:
    pieces, size, cuts = [_HEADER.pack(_MAP32, len(rows))], _HEADER.size, []
    for index, (symbol, row) in enumerate(rows.items()):
        if index % ROWS_AT_ONCE == 0:
            cuts.append((size, min(ROWS_AT_ONCE, len(rows) - index)))
        pieces.append(_ENCODE(symbol) + _ENCODE(_without_defaults(row)))
        size += len(pieces[-1])
    return Table(account, strategy, b"".join(pieces), cuts)


def _without_defaults(value: Any) -> object:  # noqa: ANN401 - any value of the limits
    if isinstance(value, tuple):
        return [_without_defaults(one) for one in value]
    if not dataclasses.is_dataclass(value):
        return str(value) if isinstance(value, Decimal) else value.value if isinstance(value, Enum) else value
    told = ((one, getattr(value, one.name)) for one in dataclasses.fields(value))
    return {one.name: _without_defaults(held) for one, held in told if held != one.default}


# -- taking up ----------------------------------------------------------------------------------------------------


class Unpacking:
    """Limits that are being taken up, in steps (by iterating), each of which is short; then `limits` is there.

    `written`: each table with its bytes, for `risksvc.gate.codec.prepared`.
    """

    def __init__(self, packed: PackedLimits) -> None:
        self._frame = _FRAME(packed.frame)
        self._tables: dict[tuple[str, str], MappingProxyType[str, Any]] = {}
        self._waiting = iter(packed.tables)
        self._known: dict[bytes, object] = {}
        self._steps = self._run()
        self.written: list[tuple[MappingProxyType[str, Any], bytes]] = []

    def __iter__(self) -> Iterator[None]:
        return self._steps

    def _run(self) -> Iterator[None]:
        for table in self._waiting:
            rows: dict[str, object] = {}
            for portion in table.portions():
                self._take(rows, portion, is_pair=bool(table.strategy))
                yield
            made = self._tables[table.account, table.strategy] = MappingProxyType(rows)
            self.written.append((made, table.data))

    def _take(self, rows: dict[str, object], portion: bytes, *, is_pair: bool) -> None:
        read = _PAIR if is_pair else _INSTRUMENT
        for symbol, raw in _ROWS(portion).items():
            written = bytes([is_pair]) + bytes(raw)
            row = self._known.get(written)
            if row is None:
                row = self._known[written] = read(raw)
            rows[symbol] = row

    def limits(self) -> Limits:
        """After the last step."""
        accounts = {name: self._account(name, account) for name, account in self._frame.accounts.items()}
        return dataclasses.replace(self._frame, accounts=accounts)

    def _account(self, name: str, account: AccountLimits) -> AccountLimits:
        strategies = {one: self._strategy(name, one, own) for one, own in account.strategies.items()}
        return dataclasses.replace(account, instruments=self._tables[name, ""], strategies=strategies)

    def _strategy(self, account: str, name: str, own: StrategyLimits) -> StrategyLimits:
        return dataclasses.replace(own, instruments=self._tables[account, name])


def rows_of(limits: Limits) -> list[object]:
    """Every row of the large tables: whoever lets limits go keeps these, to let them go one after another."""
    rows: list[object] = []
    for account in limits.accounts.values():
        rows += account.instruments.values()
        for strategy in account.strategies.values():
            rows += strategy.instruments.values()
    return rows
