"""Objects that look like ccxt's, for what a real venue would not do on demand. The errors are ccxt's own classes."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

Called = tuple[str, tuple[Any, ...]]


class FakeExchange:
    """Synchronous. `then` makes the answer of create and edit; `calls` holds what was passed on, in order."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {"recvWindow": 5000, "maxRetriesOnFailure": 3}
        self.has: dict[str, Any] = {"editOrder": True}
        self.markets: dict[str, Any] | None = None
        self.timeout = 10_000
        self.calls: list[Called] = []
        self.then: Callable[[], Any] = lambda: {"id": "v-1"}

    def load_markets(self) -> None:
        self.calls.append(("load_markets", ()))
        self.markets = {}

    def create_order(self, *arguments: Any) -> Any:  # noqa: ANN401
        self.calls.append(("create_order", arguments))
        return self.then()

    def edit_order(self, *arguments: Any) -> Any:  # noqa: ANN401
        self.calls.append(("edit_order", arguments))
        return self.then()

    def cancel_order(self, *arguments: Any) -> Any:  # noqa: ANN401
        self.calls.append(("cancel_order", arguments))
        return self.then()

    def create_orders(self, orders: list[Any]) -> None:
        raise AssertionError("past the gate")

    def fetch_balance(self) -> dict[str, int]:
        return {"USDT": 1}

    def placed(self, method: str = "create_order") -> list[tuple[Any, ...]]:
        return [arguments for name, arguments in self.calls if name == method]


class FakeAsyncExchange:
    """Asynchronous; otherwise the same. `arrived` is set when an order is under way, which `go_on` lets finish."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {"recvWindow": 5000}
        self.has: dict[str, Any] = {"editOrder": True}
        self.markets: dict[str, Any] | None = None
        self.calls: list[Called] = []
        self.then: Callable[[], Any] = lambda: {"id": "v-1"}
        self.arrived = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.is_open = False

    async def load_markets(self) -> None:
        self.calls.append(("load_markets", ()))
        self.markets = {}

    async def create_order(self, *arguments: Any) -> Any:  # noqa: ANN401
        return await self._take("create_order", arguments)

    async def edit_order(self, *arguments: Any) -> Any:  # noqa: ANN401
        return await self._take("edit_order", arguments)

    async def cancel_order(self, *arguments: Any) -> Any:  # noqa: ANN401
        return await self._take("cancel_order", arguments)

    async def fetch_balance(self) -> dict[str, int]:
        return {"USDT": 1}

    async def __aenter__(self) -> Self:
        self.is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_open = False

    def placed(self, method: str = "create_order") -> list[tuple[Any, ...]]:
        return [arguments for name, arguments in self.calls if name == method]

    async def _take(self, name: str, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401
        self.calls.append((name, arguments))
        self.arrived.set()
        await self.go_on.wait()
        return self.then()


def failing(error: BaseException, cause: BaseException | None = None) -> Callable[[], Any]:
    def fail() -> None:
        raise error from cause

    return fail
