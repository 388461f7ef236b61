"""`risksvc assess --direct`: settings, key and venue read in this process: it works with everything of ours down.

What only a gate knows is not known then: what explains an order, what is intended, and so the band. Beliefs come from
the gate if one answers at once. Without a limits file that can be read, limits are not known, and the rest is shown.
"""

import gc
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from risksvc.cli.environment import read_environment
from risksvc.cli.errors import CliError
from risksvc.cli.settings_file import read_settings
from risksvc.core.incident.assessed import AccountAssessed, Known, assess_account
from risksvc.core.limits import Limits
from risksvc.core.types import ONE, Instrument, parse_decimal
from risksvc.v1.incident_pb2 import AssessResponse
from risksvc.v1.operator_pb2 import GetExposureRequest, GetExposureResponse

if TYPE_CHECKING:
    from risksvc.gate.settings import Settings
    from risksvc.venue.config import VenueConfig
    from risksvc.venue.direct import DirectLook

BELIEFS_WITHIN_SECONDS = 1.0
_DOLLARS: Mapping[str, Decimal] = {"USD": ONE, "USDT": ONE, "USDC": ONE}


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is known besides the venue. `beliefs`: by account and instrument; `remarks`: what is not known, and why."""

    limits: Limits | None = None
    beliefs: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def assess_directly(
    operator_address: str | None, settings: Path | None, token_file: Path | None, *, account: str
) -> AssessResponse:
    """One page about every account of the settings, or about this one. Raises CliError before anything is asked."""
    began = time.monotonic()
    read = read_settings(settings, read_environment())
    configs, unread = _configs(read, account)
    with ThreadPoolExecutor(max_workers=1) as beside:  # the gate is asked while ccxt is loaded
        asked = beside.submit(_beliefs, operator_address, settings, token_file)
        limits, problem = _limits(read)
        with _without_collecting():
            from risksvc.venue.direct import look_directly, not_read  # noqa: PLC0415 - ccxt takes its time
        beliefs, silence = asked.result()
        known = _Beside(limits, beliefs, (*problem, *silence))
        looks = look_directly(configs, {name: list(said) for name, said in known.beliefs.items()})
    return _answer(read, known, [*looks, *(not_read(*one) for one in unread.items())], began=began)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Nothing that is loaded is garbage: looking for some meanwhile takes a fifth of a second."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _configs(read: "Settings", account: str) -> tuple[list["VenueConfig"], dict[str, str]]:
    """What to read, and why the others can't be: one unreadable key must not hide the other accounts."""
    from risksvc.cli.venue_settings import check_config  # noqa: PLC0415

    configs, problems, failed = [], {}, None
    for name in [account] if account else read.accounts:
        try:
            configs.append(check_config(read, name, keys=True))
        except CliError as error:
            problems[name], failed = error.message, error
    if failed is not None and not configs:
        raise failed
    return configs, problems


def _limits(read: "Settings") -> tuple[Limits | None, tuple[str, ...]]:
    from risksvc.gate.limits_file import LimitsFileError, load_limits  # noqa: PLC0415

    try:
        return load_limits(read.limits_path).limits, ()
    except LimitsFileError as error:
        mistakes = len(error.errors)
        return None, (f"limits are not known: {read.limits_path} can't be used ({mistakes}: `risksvc limits check`)",)


def _beliefs(
    operator_address: str | None, settings: Path | None, token_file: Path | None
) -> tuple[dict[str, dict[str, Decimal]], tuple[str, ...]]:
    """What the strategies believe, from a gate that answers; by account and instrument."""
    from risksvc.cli.options import gate_endpoint, gate_session  # noqa: PLC0415

    try:
        if _listens(gate_endpoint(operator_address, settings).target):
            with gate_session(operator_address, settings, token_file) as (gate, _):
                asked = GetExposureRequest()
                answer = gate.ask(lambda stub: stub.GetExposure, asked, seconds=BELIEFS_WITHIN_SECONDS)
                return _said(answer), ()
    except CliError:
        pass
    return {}, ("beliefs are not known: no gate was asked, or none answered at once",)


def _listens(address: str) -> bool:
    """Whether anybody does; asking gRPC for it costs loading it."""
    path = address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    family, place = (socket.AF_UNIX, path) if path != address else (socket.AF_INET, (host, int(port)))
    try:
        with socket.socket(family) as probe:
            probe.settimeout(BELIEFS_WITHIN_SECONDS)
            probe.connect(place)
    except (OSError, ValueError):
        return False
    return True


def _said(answer: GetExposureResponse) -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = {}
    for account in answer.accounts:
        for instrument in account.instruments:
            said = [one.believed_position for one in instrument.strategies if one.believed_position]
            if said:
                total = sum((parse_decimal(one, field="believed_position") for one in said), Decimal(0))
                found.setdefault(account.account, {})[instrument.instrument] = total
    return found


def _answer(read: "Settings", known: _Beside, looks: Sequence["DirectLook"], *, began: float) -> AssessResponse:
    from risksvc.gate.incident.assessment_view import account_message  # noqa: PLC0415

    accounts = [_assessed(read, known, look) for look in looks]
    answer = AssessResponse(
        accounts=[account_message(one) for one in accounts],
        at_ns=time.time_ns(),
        took_ms=round((time.monotonic() - began) * 1_000),
        direct=True,
        complete=all(one.complete for one in accounts),
    )
    for account in answer.accounts:
        account.remarks.extend(known.remarks)
    return answer


def _assessed(read: "Settings", known: _Beside, look: "DirectLook") -> AccountAssessed:
    from risksvc.gate.incident.calendar import minutes_to_close  # noqa: PLC0415
    from risksvc.gate.incident.convert_look import venue_look  # noqa: PLC0415

    settings, limits = read.accounts[look.account], known.limits
    beside = Known(
        account=look.account,
        currency="USD" if limits is None else limits.currency,
        instruments=look.instruments,
        limits=None if limits is None else limits.accounts.get(look.account),
        rates=_DOLLARS if limits is None else limits.rates,
        beliefs=_by_key(known.beliefs.get(look.account, {}), look.instruments),
        baseline=settings.config.spot_baseline,
        participation=settings.incident.flatten.participation,
        minutes_to_close=minutes_to_close(settings.incident.calendar, now=time.time_ns()),
    )
    return assess_account(venue_look(look.found), beside)


def _by_key(beliefs: Mapping[str, Decimal], instruments: Mapping[str, Instrument]) -> dict[str, Decimal]:
    """By what a position is held in: of a spot pair, its asset."""
    keyed = {symbol: instruments[symbol].position_key if symbol in instruments else symbol for symbol in beliefs}
    return {keyed[symbol]: quantity for symbol, quantity in beliefs.items()}
