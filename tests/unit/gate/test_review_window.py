"""A review's window, incident and missing parts, from journals that real gates wrote, also old and shortened ones."""

from pathlib import Path

import pytest

from risksvc.core.events import Ticked
from risksvc.core.impact.money import exact
from risksvc.core.impact.review import review
from risksvc.core.incident.events import CauseNamed, IncidentClosed, IncidentOpened, IncidentTaken
from risksvc.core.outputs import IncidentChanged
from risksvc.core.types import Scope, Severity, Side
from risksvc.gate.journal import Journal
from risksvc.gate.review.journal import NothingToReviewError
from risksvc.gate.segments import list_segments
from tests.corpus.store import JOURNALS, unpack
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, D
from tests.unit.gate.review_journals import (
    append,
    diverged,
    fills,
    forget_first_segments,
    material,
    told,
    write_journal,
)

STORED = sorted(path for path in JOURNALS.iterdir() if path.is_dir())


# -- the window and the incident ----------------------------------------------------------------------------------


def test_discovery_and_halt_are_the_first_that_say_so(tmp_path: Path) -> None:
    world = diverged()
    (halt,) = [one for one in world.halts() if one.trigger == "BELIEF_DRIFT"]
    found = told(world, tmp_path)
    window = found.case.window
    assert window.discovered_at == window.halted_at == halt.at
    assert (window.corrected_at, window.flat_at) == (None, None)
    assert found.incident is not None
    assert (found.incident.severity, found.incident.trigger) == ("P0", "BELIEF_DRIFT")
    assert found.incident.timeline[0].what.startswith("OPENED: P0: HALTED")
    assert any(one.what.startswith("SUSPECT: BELIEF_DRIFT") for one in found.happenings)


def test_a_belief_that_agrees_again_is_the_correction(tmp_path: Path) -> None:
    world = diverged()
    world.wait(30)
    world.believe("0.4")
    agreed_at = world.now
    world.wait(30)
    assert told(world, tmp_path).case.window.corrected_at == agreed_at


def test_two_reads_without_position_or_order_prove_it_flat(tmp_path: Path) -> None:
    world = diverged()
    world.exit(Side.SELL, "0.4", 49_900, client_order_id="exit", strategy=ALPHA)
    world.fill("exit", Side.SELL, "0.4", 49_900)
    world.read()
    assert told(world, tmp_path / "once").case.window.flat_at is None
    world.read()
    assert told(world, tmp_path / "twice").case.window.flat_at == world.now


def test_a_window_narrows_and_what_was_before_is_the_start(tmp_path: Path) -> None:
    world = given()
    world.hold("o-a", "0.4")
    world.believe("0.4")
    world.wait(60)
    start = world.now
    world.hold("o-b", "0.1")
    world.wait(60)
    end = world.now
    world.hold("o-c", "0.1")
    found = told(world, tmp_path, start=start, end=end)
    (held,) = found.case.starting
    assert (held.strategy, held.actual, held.believed) == (ALPHA, D("0.4"), D("0.4"))
    assert [one.decision_id for one in found.case.decisions] == ["o-b"]
    assert fills(found) == [(ALPHA, "o-b", D("0.1"))]
    assert (found.case.window.start, found.case.window.end) == (start, end)


def test_a_strategy_narrows(tmp_path: Path) -> None:
    world = given()
    world.hold("o-a", "0.4")
    world.hold("o-b", "0.2", strategy=BETA)
    found = told(world, tmp_path, strategy=BETA)
    assert fills(found) == [(BETA, "o-b", D("0.2"))]
    assert {one.strategy for one in found.case.decisions} == {BETA}
    assert any("narrowed to strategy beta" in line for line in found.remarks)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [({"account": "nobody"}, "account nobody is in this journal"), ({"incident": "g1-i9"}, "incident g1-i9 is not in")],
)
def test_what_the_journal_lacks_is_told(tmp_path: Path, wanted: dict[str, str], says: str) -> None:
    with pytest.raises(NothingToReviewError, match=says):
        told(diverged(), tmp_path, **wanted)


def test_an_incident_s_cause_and_owner_are_the_record_s(tmp_path: Path) -> None:
    world = diverged()
    (incident_id,) = world.gate.state.incidents.by_id
    world.halt(Scope(ACCOUNT), reason="second look")
    found = told(world, tmp_path, incident=incident_id)
    assert found.incident is not None
    assert [one.what.partition(":")[0] for one in found.incident.timeline[:2]] == ["OPENED", "HALTED"]
    assert found.incident.timeline[1].who == "olga"


def test_a_running_gate_s_journal_is_read_beside_it_up_to_what_is_whole(tmp_path: Path) -> None:
    world = diverged()
    whole = told(world, tmp_path)
    last = list_segments(tmp_path)[-1]
    with Journal(tmp_path) as journal:
        list(journal.recover())
        with last.open("ab") as file:
            file.write(b"half")
        assert material(tmp_path) == whole, "neither the lock nor a torn tail is in the way"


def test_what_endangers_a_position_names_itself_in_its_incident_s_first_line(tmp_path: Path) -> None:
    world = diverged()
    folder = write_journal(world, tmp_path)
    line = IncidentChanged("g1-i2", "OPENED", "P1: STRATEGY_SILENT account main, strategy alpha: silent for 30 s")
    append(world, folder, [(Ticked(), (line,))])
    named = material(folder, incident="i2").incident
    assert named is not None
    assert (named.severity, named.trigger) == ("P1", "STRATEGY_SILENT")


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.name)
def test_what_old_versions_wrote_is_reviewed(stored: Path, tmp_path: Path) -> None:
    found = material(unpack(stored, tmp_path / "journal"))
    assert found.case.decisions
    assert found.case.fills
    assert len({one.decision_id for one in found.case.decisions}) == len(found.case.decisions)
    report = review(found.case)
    with exact():
        assert sum((share.cost.total for share in report.by_instrument), D(0)) == report.belief_cost.total
    assert found.case.window.discovered_at is not None


def test_of_several_incidents_the_newest_that_diverged_is_meant_and_another_can_be_named(tmp_path: Path) -> None:
    world = diverged()
    folder = write_journal(world, tmp_path)
    opened = IncidentOpened(Scope(ACCOUNT), Severity.P2, "slow data", "olga")
    append(
        world,
        folder,
        [
            (opened, (IncidentChanged("g1-i2", "OPENED", "P2: slow data"),)),
            (IncidentTaken("g1-i2", "rita"), (IncidentChanged("g1-i2", "OWNER", "rita"),)),
            (CauseNamed("g1-i2", "a full disk", fixed=True, by="rita"), (IncidentChanged("g1-i2", "CAUSE", "known"),)),
            (IncidentClosed("g1-i2", "over", "rita"), (IncidentChanged("g1-i2", "CLOSED", "over"),)),
        ],
    )
    newest, named = material(folder).incident, material(folder, incident="i2").incident
    assert newest is not None
    assert newest.incident_id == "g1-i1"
    assert named is not None
    assert (named.severity, named.trigger, named.owner, named.cause) == ("P2", "OPERATOR", "rita", "a full disk")
    assert named.closed_at == world.now + len(world.inputs) + 4
    assert material(folder, incident="g1-i2").case.window.end == named.closed_at


# -- after retention ----------------------------------------------------------------------------------------------


def long_life() -> World:
    world = given()
    world.hold("o-a", "0.4")
    world.believe("0.4")
    for number in range(6):
        world.hold(f"o-{number}", "0.01")
    return world


@pytest.mark.parametrize("snapshot", [True, False])
def test_positions_of_forgotten_segments_come_from_a_snapshot_or_the_first_read(
    tmp_path: Path, *, snapshot: bool
) -> None:
    world = long_life()
    folder = write_journal(world, tmp_path, segment_entries=5)
    whole = material(folder)
    entries = forget_first_segments(world, folder, kept=4, snapshot=snapshot)
    found = material(folder)
    assert any(line.startswith(f"entries 1 to {entries:,} were deleted by retention") for line in found.missing)
    if not snapshot:
        assert found.case.instruments == (), "nobody says what an instrument is"
        assert any("is not described in the journal" in line for line in found.missing)
        return
    (held,) = found.case.starting
    ended = held.actual + sum((one.quantity for one in found.case.fills), D(0))
    assert ended == sum((one.quantity for one in whole.case.fills), D(0))
    assert all(one.decision_id for one in found.case.fills)


def test_a_later_snapshot_says_what_instruments_are_and_the_first_read_what_was_held(tmp_path: Path) -> None:
    world = long_life()
    folder = write_journal(world, tmp_path, segment_entries=5)
    forget_first_segments(world, folder, kept=3, snapshot=True)
    newest = next(folder.glob("snapshot-*.rss"))
    copy = newest.read_bytes()
    restored = write_journal(world, tmp_path / "again", segment_entries=5)
    forget_first_segments(world, restored, kept=6, snapshot=False)
    (restored / newest.name).write_bytes(copy)
    found = material(restored)
    assert [one.symbol for one in found.case.instruments] == [BTC]
    (held,) = found.case.starting
    assert held.strategy == ALPHA
    ended = held.actual + sum((one.quantity for one in found.case.fills), D(0))
    assert ended == world.position()
    assert any("before the journal's first entry counts as alpha's" in line for line in found.remarks)
