"""How monitoring judges what it sees of the published tables; no Dagster.

Each monitor looks at a table for some days at once and gives a finding per day. Differences that chance explains, and days with
too little to compare with, are not judged. Findings hold counts, shares and names of columns, never a row's values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from engagement_assets.analysis.monitoring.look import (
    FAR_OUT,
    OUTLIER_COLUMNS,
    PREVIOUS_DAYS,
    PSI_COLUMNS,
    SEGMENT_COLUMNS,
    Look,
    earlier,
)
from engagement_assets.analysis.monitoring.stability import population_stability
from engagement_assets.analysis.segment_sizes import out_of_size, remedies
from engagement_assets.domain.contracts import Contract, EngagementScores, RawCustomers, RawOrders, RawWebEvents
from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.settings import Settings

#: Customers that a share needs, and a distribution, to mean something.
LEAST_FOR_SHARES = 20
LEAST_FOR_PSI = 100

#: Counts differ by chance: so many standard deviations of a Poisson count are not told.
_SIGMAS = 3

Grade = Literal["good", "warning", "error"]

#: The grades, the best first.
GRADES: tuple[Grade, ...] = get_args(Grade)


@dataclass(frozen=True)
class Finding:
    """What a monitor found for a day: its grade, the finding in words, the figures behind it."""

    grade: Grade
    words: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Monitor:
    """A named monitor of a table; `judge` gives the finding for a published day.

    It compares the day with others, of the `looks_back` days before.
    """

    judge: Callable[[Look, str], Finding]
    description: str
    looks_back: int

    @property
    def name(self) -> str:
        """The name of the function that judges: checks are named after it."""
        return self.judge.__name__


def not_judged(why: str, **figures: float | int | str) -> Finding:
    """Nothing to compare with, or too little."""
    return Finding("good", f"not judged: {why}", figures)


def graded(value: float, warning: float, error: float) -> Grade:
    """The grade of a figure that should be small."""
    value = round(value, 9)  # 900 of 1,000 are 10 % fewer, in binary too
    return "error" if value >= error else "warning" if value >= warning else "good"


def by_chance(difference: float, usual: float, days: int = 1) -> bool:
    """Whether a count may differ so much from the mean of so many days' counts without a reason."""
    return abs(difference) <= _SIGMAS * math.sqrt(usual * (1 + 1 / days))


# ---- the monitors ----------------------------------------------------------------------------------------------------


def row_count(look: Look, day: str) -> Finding:
    """Rows of a day of facts against the same weekday of the weeks before, and against the day before the run that wrote last.

    The worse of the two counts: what a run took away is no chance.
    """
    usual, rows, before = _against_weeks(look, day), look.published[day], look.published_before_run.get(day, 0)
    if rows >= before:
        return usual
    change = rows / before - 1
    grade = graded(-change, look.policy.fewer_rows_warning, look.policy.fewer_rows_error)
    if GRADES.index(grade) <= GRADES.index(usual.grade):
        return usual
    words = f"{rows:,} rows, {change:+.0%} against the {before:,} before the run that wrote last"
    return Finding(grade, words, {**usual.figures, "rows": rows, "rows_before_run": before, "change": round(change, 4)})


def _against_weeks(look: Look, day: str) -> Finding:
    rows = look.published[day]
    before = [
        look.published[other]
        for week in range(1, look.policy.trailing_weeks + 1)
        if (other := earlier(day, 7 * week)) in look.published
    ]
    if len(before) < 2:
        return not_judged("fewer than two of the weeks before are there", rows=rows, weeks=len(before))
    usual = sum(before) / len(before)
    figures = {"rows": rows, "usual_rows": round(usual, 1), "weeks": len(before)}
    if not usual:
        return Finding("warning" if rows else "good", f"{rows:,} rows, and none in {len(before)} weeks before", figures)
    change = rows / usual - 1
    words = f"{rows:,} rows, {change:+.0%} against the mean of {len(before)} such weekdays before ({usual:,.1f})"
    figures["change"] = round(change, 4)
    policy = look.policy
    limits = (
        (policy.fewer_rows_warning, policy.fewer_rows_error)
        if change < 0
        else (policy.more_rows_warning, policy.more_rows_error)
    )
    is_chance = by_chance(rows - usual, usual, len(before))
    return Finding("good" if is_chance else graded(abs(change), *limits), words, figures)


def customer_count(look: Look, day: str) -> Finding:
    """Customers of a snapshot against those of a week before."""
    rows, before = look.published[day], look.published.get(earlier(day, 7))
    if before is None:
        return not_judged("the snapshot of a week before is not there", rows=rows)
    if not before:
        return not_judged("there were no customers a week before", rows=rows)
    change = rows / before - 1
    words = f"{rows:,} customers, {change:+.1%} on a week before ({before:,})"
    figures = {"rows": rows, "rows_a_week_before": before, "change": round(change, 4)}
    # Some weeks bring more sign-ups than others; but no customer goes by chance.
    is_chance = change > 0 and by_chance(rows - before, before)
    limits = look.policy.customer_change_warning, look.policy.customer_change_error
    return Finding("good" if is_chance else graded(abs(change), *limits), words, figures)


def rejected_rows(look: Look, day: str) -> Finding:
    """Share of the rows dated on a day that were rejected."""
    kept, rejected = look.published[day], look.rejected.get(day, 0)
    total = kept + rejected
    if not total:
        return not_judged("no rows on this day", rows_rejected=0)
    share = rejected / total
    words = f"{rejected:,} of {total:,} rows dated on this day were rejected ({share:.1%})"
    figures = {"rows_rejected": rejected, "rows": total, "rejected_share": round(share, 4)}
    warning, error = look.settings.rejected_share_warning, look.settings.rejected_share_limit
    if share <= warning or by_chance(rejected - warning * total, max(warning * total, 1)):
        return Finding("good", words, figures)
    return Finding("error" if share > error else "warning", words, figures)


def null_shares(look: Look, day: str) -> Finding:
    """Shares of empty values per column against the previous snapshot.

    A column that was empty throughout is not judged: nothing was known yet, or an earlier release did not have it.
    """
    now, then = _two_snapshots(look, day, LEAST_FOR_SHARES)
    if isinstance(now, Finding):
        return now
    columns = [name.removeprefix("empty_") for name in now if name.startswith("empty_")]
    columns = [name for name in columns if then[f"empty_{name}"] < then["customers"]]
    shares = {name: now[f"empty_{name}"] / now["customers"] for name in columns}
    moved = {name: shares[name] - then[f"empty_{name}"] / then["customers"] for name in columns}
    furthest = max(columns, key=lambda name: abs(moved[name]))
    figures = {
        "largest_change": round(abs(moved[furthest]), 4),
        **{f"null_share_{n}": round(s, 4) for n, s in shares.items()},
    }
    words = f"{furthest} is empty in {shares[furthest]:.1%} of the rows, {_points(moved[furthest])} since {look.previous(day)}"
    limits = look.policy.null_change_warning, look.policy.null_change_error
    return Finding(graded(abs(moved[furthest]), *limits), words, figures)


def score_stability(look: Look, day: str) -> Finding:
    """Population stability index of the scores against the previous and the reference snapshot."""
    now = look.snapshots.get(day)
    if now is None or now["customers"] < LEAST_FOR_PSI:
        return not_judged(f"fewer than {LEAST_FOR_PSI} customers")
    figures: dict[str, float | int | str] = {}
    texts = []
    for name, other in (("previous", look.previous(day)), ("reference", look.reference(day))):
        then = look.snapshots.get(other or "")
        if then is None or then["customers"] < LEAST_FOR_PSI:
            continue
        figures[f"{name}_snapshot"] = str(other)
        for column in PSI_COLUMNS:
            psi = population_stability(then[f"bands_{column}"], now[f"bands_{column}"])
            figures[f"psi_{name}_{column}"] = round(psi, 6)
        texts.append(f"PSI {figures[f'psi_{name}_engagement_score']:.3f} against {other}")
    if not texts:
        return not_judged("neither the previous nor the reference snapshot is there")
    largest = max(value for name, value in figures.items() if name.startswith("psi_") and isinstance(value, float))
    grade = graded(largest, look.policy.psi_warning, look.policy.psi_error)
    return Finding(grade, "; ".join(texts) + f"; the largest of all scores is {largest:.3f}", figures)


def outliers(look: Look, day: str) -> Finding:
    """Shares of values far beyond the others, and values that are many times further."""
    now = look.snapshots.get(day)
    if now is None or now["customers"] < LEAST_FOR_SHARES:
        return not_judged(f"fewer than {LEAST_FOR_SHARES} customers")
    judged = [name for name in OUTLIER_COLUMNS if now[f"positive_{name}"] >= LEAST_FOR_SHARES]
    if not judged:
        return not_judged("too few values, or all alike")
    shares = {name: now[f"beyond_{name}"] / now[f"positive_{name}"] for name in judged}
    extreme = sum(now[f"extreme_{name}"] for name in judged)
    most = max(judged, key=lambda name: shares[name])
    grade = graded(shares[most], look.policy.outlier_share_warning, look.policy.outlier_share_error)
    if extreme and grade == "good":
        grade = "warning"
    words = (
        f"{shares[most]:.1%} of {most} are {FAR_OUT} interquartile ranges beyond the upper quartile; {extreme:,} value(s) are "
        f"{look.policy.extreme_factor:g} times further"
    )
    figures = {
        "extreme_values": extreme,
        **{f"outlier_share_{name}": round(share, 4) for name, share in shares.items()},
    }
    return Finding(grade, words, figures)


def segment_shares(look: Look, day: str) -> Finding:
    """Segments' shares of the customers against the previous snapshot, and segments that hold hardly anybody or nearly all.

    The words are of what is amiss; where nothing is, of the largest move.
    """
    both = _shares_moved(look, day), _shares_held(look, day)
    worst = max(both, key=lambda found: GRADES.index(found.grade))
    amiss = [found for found in both if found.grade != "good"] or both[:1]
    return Finding(worst.grade, "; ".join(found.words for found in amiss), {**both[0].figures, **both[1].figures})


def _shares_moved(look: Look, day: str) -> Finding:
    now, then = _two_snapshots(look, day, LEAST_FOR_SHARES)
    if isinstance(now, Finding):
        return now
    moved: dict[str, float] = {}
    for column in SEGMENT_COLUMNS:
        new, old = now[f"groups_{column}"], then[f"groups_{column}"]
        for name in {*new, *old}:
            moved[name] = new.get(name, 0) / now["customers"] - old.get(name, 0) / then["customers"]
    furthest = max(sorted(moved), key=lambda name: abs(moved[name]))
    words = f"the share of segment {furthest} moved by {_points(moved[furthest])} since {look.previous(day)}"
    figures = {"largest_change": round(abs(moved[furthest]), 4), "customers": now["customers"]}
    limits = look.policy.segment_change_warning, look.policy.segment_change_error
    return Finding(graded(abs(moved[furthest]), *limits), words, figures)


def _shares_held(look: Look, day: str) -> Finding:
    now = look.snapshots.get(day)
    if now is None or now["customers"] < LEAST_FOR_PSI:
        return not_judged(f"fewer than {LEAST_FOR_PSI} customers")
    shares = {name: number / now["customers"] for name, number in now["groups_engagement_segment"].items()}
    found = out_of_size(shares, look.policy)
    figures = {f"share_{name.lower().replace(' ', '_')}": round(shares.get(name, 0.0), 4) for name in SEGMENTS}
    if not found:
        return Finding("good", "every segment tells customers apart", figures)
    held = ", ".join(f"{name} holds {share:.1%} of the customers" for name, share in found.items())
    ways = "; or ".join(remedies(look.settings.scoring, has_sessions=now["with_sessions"] > 0))
    return Finding("warning", f"{held}; set {ways}" if ways else held, figures)


def missing_days(look: Look, day: str) -> Finding:
    """Days of the recent history that are not published."""
    first = min(look.published)
    window = [earlier(day, n) for n in range(1, look.policy.history_days) if earlier(day, n) >= first]
    missing = sorted(set(window) - set(look.published))
    figures = {"missing_days": len(missing), "history_days": len(window)}
    if not missing:
        return Finding("good", f"none of the {len(window)} days before is missing", figures)
    named = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    grade: Grade = "error" if len(missing) >= look.policy.missing_days_error else "warning"
    return Finding(grade, f"{len(missing)} of the {len(window)} days before are not published: {named}", figures)


def _points(change: float) -> str:
    return f"{100 * change:+.1f} percentage points"


def _two_snapshots(look: Look, day: str, least: int) -> tuple[Any, Any]:
    """The day's counts and those of the previous snapshot; a finding in place of the first where that cannot be."""
    previous = look.previous(day)
    now, then = look.snapshots.get(day), look.snapshots.get(previous or "")
    if now is None or now["customers"] < least:
        return not_judged(f"fewer than {least} customers"), None
    if then is None or then["customers"] < least:
        return not_judged("there is no snapshot in the week before"), None
    return now, then


def monitors(settings: Settings) -> dict[type[Contract], tuple[Monitor, ...]]:
    """The monitors of each table that is watched."""
    policy = settings.monitoring
    counted = Monitor(
        row_count,
        f"Rows of the day against the mean of the same weekday in the {policy.trailing_weeks} weeks before: a warning from "
        f"{policy.fewer_rows_warning:.0%} fewer or {policy.more_rows_warning:.0%} more, an error from "
        f"{policy.fewer_rows_error:.0%} fewer or {policy.more_rows_error:.0%} more, unless it can be chance.",
        looks_back=0,  # what the run that wrote a day did to it would be forgotten
    )
    rejected = Monitor(
        rejected_rows,
        f"Share of the rows dated on the day that were rejected: a warning above {settings.rejected_share_warning:.1%}, an "
        f"error above {settings.rejected_share_limit:.1%}.",
        looks_back=0,
    )
    customers = Monitor(
        customer_count,
        "Customers against those of a week before: a warning from "
        f"{policy.customer_change_warning:.0%} more or fewer, an error from {policy.customer_change_error:.0%}.",
        looks_back=7,
    )
    of_scores = (
        Monitor(
            score_stability,
            "Population stability index of the scores, in ten bands, against the previous snapshot and against "
            f"{policy.reference_date or f'that of {policy.reference_days} days before'}: a warning from "
            f"{policy.psi_warning:g}, an error from {policy.psi_error:g}.",
            looks_back=max(PREVIOUS_DAYS, policy.reference_days),
        ),
        Monitor(
            segment_shares,
            "The segments' shares of the customers. Against the previous snapshot: a warning from "
            f"{policy.segment_change_warning:.0%} of all customers, an error from {policy.segment_change_error:.0%}. By "
            "themselves, with what to set: a warning below "
            f"{policy.segment_least_share:.0%} and above {policy.segment_most_share:.0%}.",
            looks_back=PREVIOUS_DAYS,
        ),
        Monitor(
            null_shares,
            "Shares of empty values against the previous snapshot: a warning from "
            f"{policy.null_change_warning:.0%} of the rows, an error from {policy.null_change_error:.0%}.",
            looks_back=PREVIOUS_DAYS,
        ),
        Monitor(
            outliers,
            f"Values {FAR_OUT} interquartile ranges beyond the upper quartile: a warning from "
            f"{policy.outlier_share_warning:.0%} of them, an error from {policy.outlier_share_error:.0%}; a value "
            f"{policy.extreme_factor:g} times further is a warning by itself.",
            looks_back=0,
        ),
        Monitor(
            missing_days,
            f"Days missing among the {policy.history_days} before, since the first snapshot: a warning from one, an error "
            f"from {policy.missing_days_error}.",
            looks_back=policy.history_days - 1,
        ),
    )
    return {
        RawCustomers: (customers,),
        RawOrders: (counted, rejected),
        RawWebEvents: (counted, rejected),
        EngagementScores: of_scores,
    }
