"""One run of the command: the source, the sum, the files, the record, the page; the only place that has them all."""

import shlex
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import repeated
from risksvc.cli.output import Output
from risksvc.cli.review import exact, summary
from risksvc.cli.review.assemble import Moments
from risksvc.cli.review.output_folder import prepare, write
from risksvc.cli.review.recording import GateWay, Recording, contacts_of, record
from risksvc.cli.review.request import Request, wanted_assumptions
from risksvc.cli.review.reviewed import Reviewed
from risksvc.cli.review.sources import gather
from risksvc.core.impact.money import exact as exactly
from risksvc.core.impact.review import review
from risksvc.core.impact.types import TargetRule
from risksvc.core.types import MalformedInputError, Nanoseconds, use_exact_arithmetic
from risksvc.gate.review.case import ReviewWanted
from risksvc.gate.review.material import Progress

_RULES = {"intent": TargetRule.INTENT_FIRST, "belief": TargetRule.BELIEF_PLUS_ORDER}
Options = Mapping[str, Any]  # click's values, by the command's options


def run_review(given: Options, version: str, *, now: Nanoseconds, tell: Progress) -> ExitCode:
    """Do all of it. Raises CliError."""
    use_exact_arithmetic()
    request = _request(given)
    request.check()
    folder = given["output"] or Path(time.strftime("review-%Y%m%d-%H%M%S", time.gmtime(now // 1_000_000_000)))
    prepare(folder)
    try:
        return _reviewed_into(folder, request, given, version=version, now=now, tell=tell)
    except CliError:
        with suppress(OSError):
            folder.rmdir()  # of a review that was not made nothing is left
        raise


def _reviewed_into(
    folder: Path, request: Request, given: Options, *, version: str, now: Nanoseconds, tell: Progress
) -> ExitCode:
    material = gather(request, tell)
    tell(f"{len(material.case.decisions):,} decisions and {len(material.case.fills):,} fills are reviewed")
    try:
        report = review(material.case)
    except MalformedInputError as error:
        sentence = f"{material.source} contradicts itself: {error}; nothing was reviewed"
        raise CliError(sentence, code=ExitCode.NO) from error
    way = GateWay(given["operator_address"], given["settings"], given["token_file"])
    asked = material.incident is not None and not given["no_record"]
    contacts = contacts_of(way) if asked else ()
    reviewed = Reviewed(material, report, now, f"risksvc {version}", contacts)
    tell("the reports are written")
    digest = write(folder, reviewed)
    recording = Recording(why="--no-record") if given["no_record"] else record(way, reviewed, sha256=digest)
    _show(reviewed, folder, recording, given)
    return ExitCode.NO if recording.refused else ExitCode.OK


def _request(given: Options) -> Request:
    assumed = wanted_assumptions(
        half_spread_bps=given["half_spread_bps"],
        impact_bps=given["impact_bps"],
        fee_rate=given["fee_rate"],
        target=_RULES[given["target"]],
    )
    wanted = ReviewWanted(
        account=given["account"] or given["venue"],
        strategy=given["strategy"],
        incident=given["incident"],
        start=given["start"],
        end=given["end"],
        assumptions=assumed,
    )
    moments = Moments(given["affected_from"], given["discovered"], given["halted"], given["corrected"], given["flat"])
    return Request(given["folder"], given["files"], given["venue"], given["settings"], wanted, moments)


def _show(reviewed: Reviewed, folder: Path, recording: Recording, given: Options) -> None:
    repeat = repeated(given["operator_address"], given["settings"], given["token_file"])
    out = Output(as_json=given["as_json"], repeat=repeat)
    if out.as_json:
        recorded = {"incident_id": recording.incident_id, "recorded": not recording.why, "why_not": recording.why}
        with exactly():
            document = exact.document(reviewed)
        out.json({**document, "folder": str(folder), "record": recorded})
        return
    summary.show(out, reviewed, folder, recording)
    out.hints(_next(out, folder, recording, given))


def _next(out: Output, folder: Path, recording: Recording, given: Options) -> list[Hint]:
    hints = [Hint(f"less {shlex.quote(str(folder / 'review.md'))}", "fill in cause and action items")]
    if recording.incident_id and recording.why:
        words = ["review", *([str(given["folder"])] if given["folder"] else [])]
        words += ["--incident", recording.incident_id, "--output", f"{folder}-recorded"]
        hints.append(Hint(out.command(*words), "records the number, once the gate answers"))
    elif recording.incident_id:
        words = ["incident", "show", recording.incident_id]
        hints.append(Hint(out.command(*words), "what is still to be done before it is closed"))
    return hints
