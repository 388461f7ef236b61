"""What `make chaos` prints: one line per scenario, what the gates said, every violation, and a summary as last line."""

from collections.abc import Sequence

from tests.chaos.oracle import Verdict

_SHOWN = 8
HEADER = (
    f"{'scenario':<34} {'cycles':>6} {'halts':>6} {'effect.':>7} {'lost':>4} {'late':>4} {'max ms':>7} "
    f"{'orders':>7} {'paused':>6} {'s':>6}"
)


def row(verdict: Verdict) -> str:
    """One scenario."""
    worst = max(verdict.last_ms, default=0.0)
    return (
        f"{verdict.name:<34} {verdict.cycles:>6} {verdict.halts:>6} {verdict.effective:>7} {verdict.lost:>4} "
        f"{verdict.late:>4} {worst:>7.1f} {verdict.submits:>7} {verdict.paused:>6} {verdict.seconds:>6.1f}"
    )


def details(verdict: Verdict) -> list[str]:
    """What strategies were told when they were refused, then notes, then violations."""
    said = ", ".join(f"{reason} {count}" for reason, count in verdict.reasons.most_common())
    lines = [f"    refused: {said}"] if said else []
    if verdict.unheard:
        lines.append(
            f"    {verdict.unheard} orders past 500 ms at gates about which nobody had been promised anything yet"
        )
    lines += [f"    {note}" for note in verdict.notes]
    lines += [f"    VIOLATION {text}" for text in verdict.violations[:_SHOWN]]
    if len(verdict.violations) > _SHOWN:
        lines.append(f"    ... {len(verdict.violations) - _SHOWN} more")
    if verdict.violations and verdict.folder:
        lines.append(f"    kept: {verdict.folder} (logs, journals, latches, records, violations.log)")
    return lines


def summary(verdicts: Sequence[Verdict]) -> str:
    """The last line."""
    bad = [verdict for verdict in verdicts if verdict.violations]
    cycles, halts = (sum(getattr(one, what) for one in verdicts) for what in ("cycles", "halts"))
    lost, late = (sum(getattr(one, what) for one in verdicts) for what in ("lost", "late"))
    held = "everything held" if not bad else f"VIOLATED in {', '.join(one.name for one in bad)}"
    counted = f"{len(verdicts)} scenarios, {cycles} cycles, {halts} acknowledged halts, {lost} lost, {late} late"
    return f"chaos: {held}: {counted}"
