"""Tells the core which strategies that hold something follow their trading state: a strategy that does is not silent.

Told on a change only, and only of what holds a position, so that a journal is not filled by streams that come and go.
"""

from risksvc.core.events import StrategyWatched
from risksvc.gate.app import GateApp


def tell_watched(app: GateApp) -> None:
    """Once in a while; does nothing while the gate is closed by a fault (GateClosedError)."""
    changed = [
        StrategyWatched(book.name, name, not strategy.watched)
        for book in app.owner.state.accounts.values()
        for name, strategy in book.strategies.items()
        if strategy.beliefs.oldest() is not None and app.watchers.watches(book.name, name) is not strategy.watched
    ]
    for event in changed:
        app.owner.submit(event)
