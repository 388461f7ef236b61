"""How `risksvc flatten` looks: the plan, its progress, its certificate or its gaps, and what to type next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table

from risksvc.cli.errors import Hint
from risksvc.cli.options import scope_words_of
from risksvc.cli.order_table import show_orders
from risksvc.cli.output import Output, add_row, table
from risksvc.cli.refusals import show_refusals
from risksvc.cli.text import NONE, count, duration, money, position, quantity, scope_words, side_word, total
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import operator_pb2, types_pb2

SLICES_SHOWN = 3
# What is left comes first, then every single refusal of the venue: they may be many, and are alike.
_GAPS_SHOWN = 8
_MARKET = pb.FLATTEN_STYLE_MARKET
_AUTHORISED = pb.FLATTEN_TARGET_AUTHORISED
_DOES = {
    pb.FLATTEN_PHASE_CANCELLING: "cancelling what works in the scope",
    pb.FLATTEN_PHASE_SETTLING: "waiting until every order is proven final",
    pb.FLATTEN_PHASE_READING: "waiting for a complete read that began after that",
    pb.FLATTEN_PHASE_SENDING: "sending the next slices",
    pb.FLATTEN_PHASE_CONFIRMING: "at the target; a second read has to show it, too",
    pb.FLATTEN_PHASE_FLAT: "FLAT",
    pb.FLATTEN_PHASE_REACHED: "the authorised size is REACHED",
    pb.FLATTEN_PHASE_GAPS: "NOT FLAT",
}
# What these wait for says what they do.
_SAY_ALL = (pb.FLATTEN_PHASE_READING, pb.FLATTEN_PHASE_CONFIRMING)
_GOOD = (pb.FLATTEN_PHASE_FLAT, pb.FLATTEN_PHASE_REACHED)


@dataclass(frozen=True, slots=True)
class Way:
    """What was asked, and the plan that came of it."""

    request: pb.FlattenRequest
    answer: pb.FlattenResponse


# -- the plan -----------------------------------------------------------------------------------------------------


def show_plan(out: Output, way: Way) -> None:
    """The plan by the books as they are now, and the next command."""
    request, answer = way.request, way.answer
    if request.confirm_proposal_id:
        return
    what = "the authorised size" if request.target == _AUTHORISED else "zero"
    mode = "" if request.execute else "  (only a plan: nothing is changed)"
    out.line(f"FLATTEN {scope_words(request.scope)} to {what}{mode}", style="bold")
    for problem in answer.problems:
        out.line(f"! {problem}", style="bold yellow")
    if answer.cancels:
        out.heading(f"First {count(len(answer.cancels), 'order')} would be cancelled, protective ones too:")
        show_orders(out, answer.cancels)
    if answer.plan:
        _show_legs(out, way)
    elif not answer.problems:
        out.line()
        out.line("Nothing is held in this scope beyond the target.", style="bold green")
    if not request.execute:
        out.hints(list(_next_of_plan(out, way)))


def _show_legs(out: Output, way: Way) -> None:
    answer = way.answer
    out.heading("Then, one slice per instrument at a time, each only when the one before is proven final:")
    out.show_rows(list(answer.plan), _legs)
    known = [leg for leg in answer.plan if leg.cost and leg.cost_at_once]
    if known:
        sliced, at_once = total([leg.cost for leg in known]), total([leg.cost_at_once for leg in known])
        out.line(
            f"estimated cost against the mid: {money(sliced)} in slices, {money(at_once)} as one market order each"
        )
    if answer.by_hand:
        out.line()
        out.line(
            "THE GATE MAY NOT PLACE ORDERS HERE: place these by hand, reduce-only, one slice at a time.", "bold red"
        )


def _legs(rows: Sequence[pb.FlattenLeg]) -> Table:
    result = table(
        "instrument", "whose", "position", "target", "order", "slices", "limit", "cost sliced", "cost at once",
        "linked with", "what stands in the way",
        right=("position", "target", "limit", "cost sliced", "cost at once"),
    )  # fmt: skip
    for leg in rows:
        add_row(
            result,
            leg.instrument,
            leg.strategy or "nobody's",
            position(leg.position),
            position(leg.target),
            f"{side_word(leg.side)} {quantity(leg.quantity)}",
            _slices(leg),
            quantity(leg.limit_price, empty="market"),
            money(leg.cost),
            money(leg.cost_at_once),
            ", ".join(leg.linked_with) or NONE,
            leg.problem,
            style="bold yellow" if leg.problem else "",
        )
    return result


def _slices(leg: pb.FlattenLeg) -> str:
    if not leg.slices:
        return NONE
    shown = " + ".join(quantity(one) for one in leg.slices[:SLICES_SHOWN])
    more = len(leg.slices) - SLICES_SHOWN
    return f"{len(leg.slices)}: {shown}{' + …' if more > 0 else ''}"


def _next_of_plan(out: Output, way: Way) -> Iterator[Hint]:
    """The exact next command: the halt, where none may be in force, then the flatten itself; or each order by hand."""
    request, answer = way.request, way.answer
    scope = scope_words_of(request.scope)
    if answer.by_hand:
        yield Hint(out.command("venue", "--allow-orders", "--account", request.scope.account or "NAME"), _ALLOW)
        if not answer.plan:
            mine = ("--account", request.scope.account) if request.scope.account else ()
            yield Hint(out.command("assess", "--direct", *mine), "what is held, and the orders to place by hand")
        for leg in answer.plan:
            yield Hint(out.command(*_by_hand(leg)), "approves it; then place it at the venue with its id")
        return
    yield Hint(out.command("halt", *scope[:2], "--reason", "<why>"), "first, unless it is halted already")
    yield Hint(out.command("flatten", *scope, *_pace_words(request), "--execute", "--reason", "<why>"), "does this")


_ALLOW = "with the trade key, in the venue process: then the gate can do it; else by hand:"


def _by_hand(leg: pb.FlattenLeg) -> tuple[str, ...]:
    side = "sell" if leg.side == types_pb2.SIDE_SELL else "buy"
    price = ("--type", "limit", "--price", leg.limit_price) if leg.limit_price else ()
    whose = ("--strategy", leg.strategy) if leg.strategy else ()
    amount = leg.slices[0] if leg.slices else leg.quantity
    where = ("--account", leg.account, "--instrument", leg.instrument)
    return ("check-reducing", *where, *whose, "--side", side, "--quantity", amount, *price, "--reason", "<why>")


def _pace_words(request: pb.FlattenRequest) -> tuple[str, ...]:
    words: tuple[str, ...] = ("--to", "authorised") if request.target == _AUTHORISED else ()
    words += ("--style", "market") if request.style == _MARKET else ()
    for option, value in (
        ("--participation", request.participation),
        ("--collar", request.collar),
        ("--incident", request.incident_id),
    ):
        words += (option, value) if value else ()
    return words


def show_refused(out: Output, way: Way) -> None:
    """Why nothing was started, and the exact command that mends it."""
    scope = scope_words_of(way.request.scope)
    again = ("flatten", *scope, *_pace_words(way.request), "--execute", "--reason", "<why>")
    better = {
        operator_pb2.REFUSAL_REASON_NOT_HALTED: [
            Hint(out.command("halt", *scope[:2], "--reason", "<why>"), "stops what could trade against it"),
            Hint(out.command(*again), "then again"),
        ],
        operator_pb2.REFUSAL_REASON_ORDERS_NOT_ALLOWED: list(_next_of_plan(out, way)),
    }
    out.line()
    show_refusals(out, way.answer.refusals, what="the flatten", better=better)


def show_proposed(out: Output, way: Way) -> None:
    """A second person has to agree."""
    proposal = way.answer.proposal_id
    out.line(f" PROPOSED  {proposal}: nothing is sent until another operator confirms", style="bold yellow")
    out.next((("flatten", "--confirm", proposal), "as another operator"))


# -- one that runs, or has ended ------------------------------------------------------------------------------------


class Followed:
    """Tells each thing once while a flatten is watched. `out` None: nobody reads."""

    def __init__(self, out: Output | None) -> None:
        self._out = out
        self._last = ""
        self._ends: dict[str, str] = {}

    def tell(self, run: pb.Flatten) -> None:
        """What is new since the last look."""
        for order in run.orders:
            if self._ends.get(order.client_order_id) != order.state:
                known = order.client_order_id in self._ends
                self._ends[order.client_order_id] = order.state
                self._say(
                    f"  {_order_words(order)}" if known or order.state != "UNKNOWN" else f"  sent {_order_words(order)}"
                )
        doing = _DOES.get(run.phase, "?")
        if not run.ended_at_ns:
            told = run.waiting_for if run.phase in _SAY_ALL else ""
            self._say_once(
                f"waiting for {told}" if told else f"{doing}{': ' + run.waiting_for if run.waiting_for else ''}"
            )

    def away(self, why: str) -> None:
        """The gate does not answer; the flatten goes on when it is back."""
        self._say_once(f"the gate does not answer ({why}); the flatten goes on when it is back")

    def _say_once(self, text: str) -> None:
        if text != self._last:
            self._last = text
            self._say(text)

    def _say(self, text: str) -> None:
        if self._out is not None:
            self._out.line(text)


def _order_words(order: pb.FlattenOrder) -> str:
    price = f"at {quantity(order.limit_price)}" if order.limit_price else "at market"
    what = f"{side_word(order.side)} {quantity(order.quantity)} {order.instrument} {price}"
    return f"{order.client_order_id}  {what}: {order.state}, {quantity(order.filled)} filled"


def show_flatten(out: Output, run: pb.Flatten) -> None:
    """How it stands, or how it ended."""
    good, over = run.phase in _GOOD, bool(run.ended_at_ns)
    style = ("bold green" if good else "bold red") if over else "bold"
    out.line(f" {_DOES.get(run.phase, '?')}  flatten {run.flatten_id} of {scope_words(run.scope)}", style=style)
    out.line(f"started by {', '.join(run.by)}: {run.reason}  (incident {run.incident_id})")
    if run.orders:
        out.heading(f"{count(len(run.orders), 'order')}, cost {money(run.cost)} against the mids at the start:")
        for order in run.orders:
            out.line(f"  {_order_words(order)}")
    if run.waiting_for:
        out.line(f"now: {run.waiting_for}")
    if run.HasField("certificate"):
        _show_certificate(out, run)
    for gap in run.gaps[:_GAPS_SHOWN]:
        out.line(f"! {gap}", style="bold red")
    if len(run.gaps) > _GAPS_SHOWN:
        out.line(f"! … and {len(run.gaps) - _GAPS_SHOWN} more; --json has them all", style="bold red")
    _show_believers(out, run)
    out.next(*_next_of(run))


def _show_believers(out: Output, run: pb.Flatten) -> None:
    """Whose part was sold: a strategy is not told of an operator's fills, and its old belief keeps the halts."""
    whose = sorted({order.strategy for order in run.orders if order.strategy and order.filled.strip("0.")})
    if run.ended_at_ns and whose:
        out.line(
            f"! of {', '.join(whose)}: a belief from before differs now, and no resume passes until it is mended: "
            "stop the strategy, have it read its position, start it",
            style="bold yellow",
        )


def _show_certificate(out: Output, run: pb.Flatten) -> None:
    proof = run.certificate
    out.heading("CERTIFICATE: every order final, then complete reads with nothing left and no order in the scope")
    for read in proof.reads:
        ago = duration(proof.at_ns - read.as_of_ns)
        out.line(f"  read begun {ago} before, venue time {read.window_start_ms} to {read.window_end_ms} ms")
    out.line(f"  held: {', '.join(proof.positions) or 'nothing'}")
    for one in proof.not_seen:
        out.line(f"! not seen by these reads, look at the venue: {one}", style="bold yellow")


def _next_of(run: pb.Flatten) -> Iterator[tuple[tuple[str, ...], str]]:
    scope = scope_words_of(run.scope)
    if not run.ended_at_ns:
        yield ("flatten", "--show", run.flatten_id), "how it stands"
        yield ("flatten", "--stop", run.flatten_id, "--reason", "<why>"), "sends nothing more of it"
        return
    if run.phase in _GOOD:
        yield ("assess", *scope[:2]), "what is held now; the course is decided by the newest assessment"
    yield ("reconcile", *scope[:2]), "reads the venue again, and says whether everything agrees"
    if run.phase in _GOOD:
        yield ("incident", "show", run.incident_id), "what the incident still needs before it can be closed"
        yield ("status",), "which halts to resume, once the cause is gone"
    else:
        yield ("reservations",), "orders whose end is not proven, and what proves it"
        yield ("flatten", *scope), "a new plan for what is left"
        yield ("incident", "show", run.incident_id), "the exchange's support, and our id there"
