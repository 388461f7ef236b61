"""One request on its way through the venue: its parameters, its caller, and what switched faults make it see.

Reading a parameter either gives a value of the promised type or refuses the request with code 10001 and the
parameter's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from risksvc.core.types import MalformedInputError, parse_decimal
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.engine import Engine
from risksvc.venue.paper.errors import bad_params
from risksvc.venue.paper.instruments import CATEGORIES, SPOT, key_of
from risksvc.venue.paper.market import Market

E = TypeVar("E", bound=StrEnum)

_MAX_DIGITS = 15


@dataclass(slots=True, kw_only=True)
class View:
    """How a request's sight of the venue is bent; the defaults bend nothing."""

    skew_ms: int = 0
    position_lag_ms: int = 0
    execution_lag_ms: int = 0
    page_size: int = 0
    always_cursor: bool = False
    reject_after_ack: bool = False


@dataclass(slots=True, kw_only=True)
class Call:
    """A request; `params` are the query's texts (GET) or the body's values (POST, numbers already as text)."""

    engine: Engine
    params: Mapping[str, object]
    now_ms: int
    account: Account | None = None
    read_only: bool = False
    view: View = field(default_factory=View)

    @property
    def shown_ms(self) -> int:
        """Give the time that the venue tells, which a skewed clock moves away from the engine's."""
        return self.now_ms + self.view.skew_ms

    @property
    def owner(self) -> Account:
        """Give the account of a private call."""
        if self.account is None:
            raise bad_params("this call is private: it needs an API key")
        return self.account

    def text(self, name: str) -> str:
        """Give a text parameter, empty when it isn't given."""
        value = self.params.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise bad_params(f"params error: {name} must be text")

    def required(self, name: str) -> str:
        """Give a text parameter that must be there."""
        value = self.text(name)
        if not value:
            raise bad_params(f"params error: {name} is required")
        return value

    def flag(self, name: str) -> bool:
        """Give a true/false parameter, false when it isn't given."""
        value = self.params.get(name)
        if value in (None, "", False, "false"):
            return False
        if value in (True, "true"):
            return True
        raise bad_params(f"params error: {name} must be true or false")

    def integer(self, name: str) -> int | None:
        """Give a whole, non-negative number, None when it isn't given."""
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
            raise bad_params(f"params error: {name} must be a whole number")
        return int(text)

    def amount(self, name: str) -> Decimal | None:
        """Give a decimal number, None when it isn't given."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_decimal(text, field=name)
        except MalformedInputError as error:
            raise bad_params(f"params error: {error}") from error

    def choice(self, name: str, options: type[E], *, default: E | None = None) -> E:
        """Give one of an enumeration's values."""
        text = self.text(name)
        if not text and default is not None:
            return default
        try:
            return options(text)
        except ValueError:
            allowed = ", ".join(option.value for option in options)
            raise bad_params(f"params error: {name} invalid, one of {allowed} is allowed") from None

    def market(self) -> Market:
        """Give the market that `category` and `symbol` name; without a category, a contract comes before a spot pair.

        The control API may leave the category out; what a key may call names it.
        """
        symbol, category = self.required("symbol"), self.text("category")
        found = self.engine.markets.get(key_of(category, symbol))
        if found is None and not category:
            found = self.engine.markets.get(key_of(SPOT, symbol))
        if found is None or category not in ("", found.instrument.category):
            raise bad_params("Not supported symbols")
        return found

    def category(self) -> str:
        """Give the product category, which every call but a few must name."""
        category = self.required("category")
        if category not in CATEGORIES:
            raise bad_params(f"params error: category invalid, one of {', '.join(CATEGORIES)} is allowed")
        return category
