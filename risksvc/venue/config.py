"""What the venue process is started with: values only; the command line has read settings, files and environment.

Never reads a file or the environment, never shows a secret (`repr` leaves them out).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from risksvc.core.types import MalformedInputError
from risksvc.tls.endpoint import Tls

_AT_LEAST_ONE = (
    "positions_every_ms",
    "marks_every_ms",
    "time_offset_every_ms",
    "markets_every_ms",
    "gate_silence_ms",
    "request_timeout_ms",
    "read_timeout_ms",
    "assess_timeout_ms",
    "look_up_window_ms",
    "look_ups_per_second",
    "fills_overlap_ms",
    "deep_fills_every_ms",
    "deep_fills_overlap_ms",
    "reconnect_min_ms",
    "reconnect_max_ms",
    "balances_every_ms",
    "stream_debounce_ms",
    "stream_ping_ms",
    "stream_silence_ms",
    "stream_fill_wait_ms",
    "stream_retry_min_ms",
    "stream_retry_max_ms",
    "stream_refused_ms",
)


class AccountKind(Enum):
    """What an account holds: contracts, or assets themselves."""

    DERIVATIVES = "derivatives"
    SPOT = "spot"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueConfig:
    """One account at one venue, and the gate that hears of it. Durations are milliseconds.

    `gate_target` is a gRPC target ("unix:/run/risksvc/feed.sock"); `gate_tls` says how a port with TLS is spoken to, by
    files that are read at each connection. `exchange` is a ccxt id ("bybit") or a class as
    "module:Name" for a venue of one's own. `credentials` are further ccxt keys (password, uid, walletAddress, ...).
    `base_url` points every address of the exchange at one server (the paper venue); `options` and `urls` are merged
    into ccxt's; `quirks` replaces fields of the venue's entry in the table of `quirks.py`. `instruments` limits what is
    announced as tradable, never what is read: a position elsewhere is still reported. A read-only key suffices unless
    `allow_orders`. `dead_man_ms`: silent for so long, the venue is to cancel everything; 0: it is not asked. `stream`:
    follow the private stream where the venue has one. `fills_every_ms` 0: fills are read with the rest only.
    """

    account: str
    gate_target: str
    gate_tls: Tls | None = None
    exchange: str = "bybit"
    kind: AccountKind = AccountKind.DERIVATIVES
    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    base_url: str = ""
    sandbox: bool = False
    options: Mapping[str, object] = field(default_factory=dict)
    urls: Mapping[str, object] = field(default_factory=dict)
    quirks: Mapping[str, object] = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    allow_orders: bool = False
    dead_man_ms: int = 0
    stream: bool = True
    positions_every_ms: int = 2_000
    fills_every_ms: int = 0
    marks_every_ms: int = 1_000
    balances_every_ms: int = 30_000
    time_offset_every_ms: int = 300_000
    markets_every_ms: int = 3_600_000
    gate_silence_ms: int = (
        2_000  # no heartbeat for so long (it sends one every 100 ms): the stream is dead, connect again
    )
    request_timeout_ms: int = 3_000
    read_timeout_ms: int = 15_000  # one whole read, the wait for ccxt's throttle included
    assess_timeout_ms: int = 5_000  # one look at positions, orders and books; what is not there by then is unknown
    look_up_window_ms: int = 40  # look-ups that arrive within it are read together
    look_ups_per_second: int = 40  # requests, not orders
    fills_overlap_ms: int = 10_000  # how far behind the last complete read the next one starts
    deep_fills_every_ms: int = 60_000
    deep_fills_overlap_ms: int = 120_000  # for fills that the venue lists late
    reconnect_min_ms: int = 50
    reconnect_max_ms: int = 1_000
    stream_debounce_ms: int = 250  # from an event to the read that it causes, and between two that are caused
    stream_ping_ms: int = 5_000
    stream_silence_ms: int = 12_000  # nothing came for so long, answers to pings included: connect again
    stream_fill_wait_ms: int = 3_000  # a fill that was read and that the stream has not told for so long: connect again
    stream_retry_min_ms: int = 200
    stream_retry_max_ms: int = 30_000
    stream_refused_ms: int = 120_000  # between log-ins that the venue refuses

    def __post_init__(self) -> None:
        for name in ("account", "gate_target", "exchange"):
            if not getattr(self, name):
                raise MalformedInputError(name, "must be set")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise MalformedInputError(name, f"{getattr(self, name)} must be at least 1")
        if self.fills_every_ms < 0:
            raise MalformedInputError("fills_every_ms", f"{self.fills_every_ms} must be at least 0")
        for least, most in (
            ("reconnect_min_ms", "reconnect_max_ms"),
            ("stream_retry_min_ms", "stream_retry_max_ms"),
            ("stream_ping_ms", "stream_silence_ms"),
        ):
            if getattr(self, least) > getattr(self, most):
                raise MalformedInputError(least, f"must not exceed {most}")

    @property
    def spot(self) -> bool:
        """Whether it is a spot account; ccxt's own option for it says so too."""
        return self.kind is AccountKind.SPOT or self.options.get("defaultType") == AccountKind.SPOT.value

    def secrets(self) -> tuple[str, ...]:
        """Every value that must never be shown, longest first so that none is left half covered by another."""
        known = {self.api_key, self.api_secret, *self.credentials.values()} - {""}
        return tuple(sorted(known, key=lambda secret: (-len(secret), secret)))
