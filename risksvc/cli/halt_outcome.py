"""What several ways together prove about a halt; pure.

A gate has the halt when it says so itself, or when a whole view of its store shows that it has it or can approve
nothing before it reads it. EFFECTIVE needs a whole view of every store that is known, and no gate missing: neither one
that a view names nor one that the settings name. Anything less is LATCHED, with names. A halt of one account concerns
the gates that were ever seen in its namespace, once somebody has read that whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.halt_paths import Tried

REDIS, LATCH = "redis", "latch"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`taken`: at least one way took it. `missing`: who may not have it; meaningful when taken."""

    taken: bool
    missing: tuple[str, ...]

    @property
    def effective(self) -> bool:
        """No gate can approve against it any more."""
        return self.taken and not self.missing


def outcome_of(tried: Sequence[Tried], *, private: bool, of_account: bool = False) -> Outcome:
    """What all ways together prove. `private`: the store is the settings' gate's own, which no other gate reads.

    `of_account`: the halt is of one account, so a gate that its namespace has never seen is not concerned.
    """
    took = [one for one in tried if one.taken]
    confirmed = {name for one in took for name in (one.gate_id, *one.confirmed) if name}
    everybody_known = of_account and any(one.whole and (one.confirmed or one.missing or one.gate_id) for one in took)
    unreached = () if everybody_known else _unreached(tried, confirmed)
    missing = dict.fromkeys([*_stores(took, private=private), *_gates(took, confirmed), *unreached])
    return Outcome(bool(took), tuple(missing))


def _gates(took: Iterable[Tried], confirmed: "set[str]") -> Iterator[str]:
    for one in took:
        for name in one.missing:
            if name == LATCH:
                yield f"the disk of gate {one.gate_id}" if one.gate_id else LATCH
            elif name != REDIS and name not in confirmed:
                yield name


def _unreached(tried: Iterable[Tried], confirmed: "set[str]") -> Iterator[str]:
    """Gates that were asked and did not take it, unless a store or its own latch speaks for them."""
    for one in tried:
        unheard = one.gate_id not in confirmed or one.code is ExitCode.USAGE  # it refused: nobody else can say yes
        if one.taken is False and one.path.startswith("gate") and unheard:
            yield one.gate_id or one.address


def _stores(took: Sequence[Tried], *, private: bool) -> Iterator[str]:
    """Stores of which nobody has a whole view: gates may stand there that nobody here has heard of."""
    whole = [one for one in took if one.whole]
    seen = {name for one in whole for name in (one.gate_id, *one.confirmed, *one.missing) if name}
    blind = [one for one in took if one.answer is not None and not one.whole]
    if any(not one.gate_id or one.gate_id not in seen for one in blind) or (not whole and not private):
        yield REDIS
