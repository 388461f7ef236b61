"""The exchange as this process holds it: ccxt instances that share markets and clock, and what the markets say.

The poll instance is throttled by ccxt; the command instance is not, so that a cancel or a look-up never queues behind a
list. Each connection of the private stream has an instance of its own. Invariants: markets are replaced whole;
`instruments` is never empty once loaded; the clocks have one offset.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

import ccxt
from ccxt.base import errors as ccxt_errors

from risksvc import __version__
from risksvc.core.types import Instrument
from risksvc.venue.abilities import feature_of
from risksvc.venue.bybit import BybitListing, ended_markets, key_may_order
from risksvc.venue.config import VenueConfig
from risksvc.venue.failures import ReadFailure, failing_as, redacted
from risksvc.venue.guarded import CcxtExchange, build_exchange, exchange_class_of, exchange_id_of
from risksvc.venue.listing import Listing, Pace
from risksvc.venue.markets import is_plain_name, normalise_markets
from risksvc.venue.quirks import Quirks, quirks_of
from risksvc.venue.sent_orders import SentOrders
from risksvc.venue.spot import told_assets
from risksvc.venue.streamed import Hearer, build_stream, followed, stream_class_of
from risksvc.venue.unified import UnifiedListing

_GOODBYE_S = 1.0

_LOG = logging.getLogger("risksvc.venue")


class VenueConnection:
    """One account at one exchange."""

    def __init__(self, config: VenueConfig) -> None:
        self.config = config
        self.exchange_id = exchange_id_of(exchange_class_of(config.exchange))
        self.quirks: Quirks = quirks_of(self.exchange_id, config.quirks, spot=config.spot)
        self.poll: CcxtExchange = build_exchange(config, self.quirks, throttled=True)
        self.command: CcxtExchange = build_exchange(config, self.quirks, throttled=False)
        self.instruments: dict[str, Instrument] = {}
        self.can_cancel = False
        self.sent = SentOrders()
        self.assets: dict[str, tuple[Instrument, ...]] = {}
        self.hedge_mode = self.quirks.hedge_mode
        self._other_mode = False
        self._ledger_refused = False
        self._ended: dict[str, Mapping[str, object]] = {}
        self.poll_listing = self._listing(self.poll, None)
        self.command_listing = self._listing(self.command, Pace(config.look_ups_per_second))
        self._stream_class = stream_class_of(config.exchange) if config.stream else None
        self.stream_calls: tuple[str, ...] = followed(self._stream_class, self.quirks)
        self._retired: set[asyncio.Task[None]] = set()

    @property
    def software(self) -> str:
        """Name what feeds, as it is shown in the status."""
        return f"risksvc-venue {__version__}, ccxt {ccxt.__version__}"

    def announced(self) -> list[Instrument]:
        """Give the instruments that may be traded here, sorted. Some venues list names that no gate can carry."""
        named = frozenset(self.config.instruments)
        sayable = [
            each for _, each in sorted(self.instruments.items()) if is_plain_name(each.symbol, each.base, each.quote)
        ]
        return [each for each in sayable if not named or each.symbol in named]

    @property
    def triggers_apart(self) -> bool:
        """Whether orders that wait for a trigger are kept apart here: ccxt lists and cancels them only when told."""
        apart = feature_of(self.command.features or {}, "fetchOpenOrders", "trigger", spot=self.quirks.spot)
        return apart is True and self.quirks.listing != "bybit"

    @property
    def can_place(self) -> bool:
        """Whether orders may be placed: by the settings or the flag, by the key, and where ccxt is proven to do it."""
        return self.can_cancel and bool(self.quirks.places) and (self.quirks.places_legs or not self.hedge_mode)

    @property
    def enforces_reduce_only(self) -> bool:
        """Whether the venue keeps a reducing order from growing the net position; in hedge mode it looks at a leg."""
        return self.quirks.enforces_reduce_only and not self.hedge_mode

    @property
    def reads_ledger(self) -> bool:
        """Whether what moved the balances can be read, and is understood."""
        return self.poll_listing.has_ledger and not self._ledger_refused

    @property
    def reads_equity(self) -> bool:
        """Whether equity is known from the venue's balances, and what moved it from its ledger."""
        quirks = self.quirks
        known = bool(quirks.balance_total) or quirks.spot
        return known and self.poll.has.get("fetchBalance") is True and self.reads_ledger

    def saw_legs(self) -> None:
        """Note that the account is in hedge mode, which was not announced: loading the markets then says so."""
        self.hedge_mode = self._other_mode = True

    def known(self, symbols: Sequence[str]) -> list[str]:
        """Keep the symbols that the venue lists, sorted, each once."""
        return sorted(self.instruments.keys() & set(symbols))

    def venue_now_ms(self) -> int:
        """Give the venue's time by this machine's clock and the measured offset."""
        return int(self.poll.milliseconds() - self.poll.options.get("timeDifference", 0))

    async def load_markets(self, unlisted: str = "") -> bool:
        """Load the markets (again), and say whether what is announced changed; a ReadFailure keeps the old ones.

        `unlisted`: what a row named and they lack. It is looked for among what has ended, where the venue lists that.
        """
        before = self.announced()
        with failing_as("markets", self.config.secrets()):
            # Shielded: ccxt shares one load among its waiters; one that is cancelled would cancel it for the others.
            await asyncio.shield(self.poll.load_markets(True))
            await self._add_ended(unlisted)
            loaded = normalise_markets(self.poll.markets, precision_mode=self.poll.precisionMode, quirks=self.quirks)
        if not loaded:
            what = "spot pair" if self.quirks.spot else "linear or inverse contract"
            raise ReadFailure("markets", f"the venue lists no {what}")
        self.command.set_markets_from_exchange(self.poll)
        self.instruments = loaded
        if self.quirks.spot:
            self.assets = told_assets(self.announced(), named=self.config.instruments, quirks=self.quirks)
        missing = set(self.config.instruments) - loaded.keys()
        if missing:
            _LOG.warning("not listed at %s: %s", self.exchange_id, ", ".join(sorted(missing)))
        changed, self._other_mode = self._other_mode, False
        return changed or self.announced() != before

    async def _add_ended(self, unlisted: str) -> None:
        """Keep what has ended and still shows in fills: without its market no read that reaches back is complete."""
        if unlisted and self.quirks.listing == "bybit" and not self.quirks.spot:
            found = await ended_markets(self.poll, unlisted)
            self._ended.update((str(market["symbol"]), market) for market in found)
        ended = [market for symbol, market in self._ended.items() if symbol not in self.poll.markets]
        if ended:
            self.poll.set_markets([*self.poll.markets.values(), *ended])

    async def measure_clock(self) -> None:
        """Measure the venue's clock against this machine's; raises ReadFailure. Not all venues tell a time."""
        if self.poll.has.get("fetchTime") is not True:
            return
        with failing_as("time", self.config.secrets()):
            await self.command.load_time_difference()
        self.poll.options["timeDifference"] = self.command.options["timeDifference"]

    async def check_key(self) -> None:
        """Make one signed read, ask for the mode, and whether the key may cancel if orders are allowed.

        Raises ReadFailure.
        """
        with failing_as("positions", self.config.secrets()):
            if self.quirks.spot:
                await self.poll_listing.balances()
            else:
                await self.poll_listing.positions()
                self.hedge_mode = self.quirks.hedge_mode or await self.poll_listing.hedge_mode()
            await self._try_ledger()
            self.can_cancel = self.config.allow_orders and await self._key_may_order()

    async def _try_ledger(self) -> None:
        """Ask for the ledger once; a venue that refuses it, to this key or as a whole, is read without it."""
        if not self.reads_ledger:
            return
        try:
            await self.command_listing.ledger(self.venue_now_ms())
        except ccxt_errors.ExchangeError as error:
            self._ledger_refused = True
            text = redacted(f"{type(error).__name__}: {error}", self.config.secrets())
            _LOG.warning("%s: no ledger, so no equity check: %s", self.exchange_id, text)

    def open_stream(self, hearer: Hearer) -> CcxtExchange:
        """Make the instance for one connection of the private stream; `retire` it afterwards."""
        exchange = build_stream(self._stream_class, self.config, quirks=self.quirks, hearer=hearer)
        exchange.set_markets_from_exchange(self.poll)
        exchange.clock_ahead_ms = int(self.poll.options.get("timeDifference", 0))
        return exchange

    def retire(self, exchange: CcxtExchange) -> None:
        """Close an instance in the background: a server that has gone silent does not answer a goodbye."""
        task = asyncio.create_task(_closed(exchange))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def close(self) -> None:
        """Close every instance."""
        await asyncio.gather(self.poll.close(), self.command.close(), *self._retired, return_exceptions=True)

    async def _key_may_order(self) -> bool:
        """Ask the venue where it can say so; elsewhere a refusal of the first cancel tells."""
        return await key_may_order(self.command) if self.quirks.listing == "bybit" else True

    def _listing(self, exchange: CcxtExchange, pace: Pace | None) -> Listing:
        if self.quirks.listing == "bybit":
            return BybitListing(exchange, quirks=self.quirks, instruments=self._loaded, pace=pace)
        named = self.config.instruments
        return UnifiedListing(exchange, quirks=self.quirks, instruments=self._loaded, named=named, pace=pace)

    def _loaded(self) -> dict[str, Instrument]:
        return self.instruments


async def _closed(exchange: CcxtExchange) -> None:
    try:
        async with asyncio.timeout(_GOODBYE_S):
            await exchange.close()
    except TimeoutError:
        await exchange.close()  # its sockets count as closed by now, so this ends the rest without waiting
