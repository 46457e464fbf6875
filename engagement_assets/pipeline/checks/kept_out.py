"""What was kept out of a source: how large a share, which files, and how many rows for the reasons that a rule is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engagement_assets.domain.contracts import Contract
from engagement_assets.pipeline.checks.audited import Audited
from engagement_assets.pipeline.checks.outcomes import Outcome, Rule, all_of, any_of

_READABLE = "every source file can be read"

_FILES_NAMED = 10


@dataclass(frozen=True)
class Rejections:
    """What was kept out of a source as a whole: rows at fault, rows read, rows by reason, files that cannot be read.

    Rows outside the observation window are not at fault: that is a matter of settings, and told by a warning of its own.
    """

    faulty: int
    read: int
    by_reason: Mapping[str, int] = field(default_factory=dict)
    unreadable_files: Sequence[str] = ()


def with_kept_out(
    kept_out: Callable[[], Rejections], reasons: tuple[str, ...]
) -> Callable[[Mapping[str, Outcome]], Outcome]:
    """All days as one, and how many rows of the source were rejected for these reasons."""

    def of_run(outcomes: Mapping[str, Outcome]) -> Outcome:
        found, rejected = all_of(outcomes), kept_out().by_reason
        return replace(
            found, details={**found.details, "rows_kept_out": sum(rejected.get(each, 0) for each in reasons)}
        )

    return of_run


def rejected_share(rejected: Callable[[], Rejections], warning: float, limit: float) -> Rule:
    """The share of the source's rows that were rejected: a warning above `warning`, no publication above `limit`."""

    def evaluate(audited: Audited) -> dict[str, Outcome]:
        found = rejected()
        share = found.faulty / found.read if found.read else 0.0
        in_force = limit if share > limit else warning
        outcome = Outcome(
            {f"rejected share is at most {in_force:.1%}": found.faulty if share > warning else 0},
            {
                "rows_rejected": found.faulty,
                "rows_read": found.read,
                "rejected_share": round(share, 6),
                "limit": limit,
                # A number of its own per reason: Dagster draws those over time.
                **{f"rejected_{reason}": rows for reason, rows in sorted(found.by_reason.items())},
            },
            is_error=share > limit,
            remedy=_remedy(audited.contract, found),
        )
        return dict.fromkeys(audited.days, outcome)

    return Rule(
        "rejected_share",
        f"Share of the source's rows that were rejected: a warning above {warning:.1%}, an error that stops above {limit:.1%}.",
        True,
        evaluate,
        of_run=any_of,
    )


def _remedy(contract: type[Contract], found: Rejections) -> str:
    """Which files cannot be read and how many rows each reason took, the most first, and where the rows are shown."""
    source = contract.table().removeprefix("raw_")
    files = [f"cannot be read: {', '.join(found.unreadable_files[:_FILES_NAMED])}"] if found.unreadable_files else []
    by_number = sorted(found.by_reason.items(), key=lambda each: -each[1])
    reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in by_number)
    return "; ".join(
        [*files, f"of {found.read:,} rows read {reasons}", f"`engagement rejects --source {source}` shows them"]
    )


def readable_files(rejected: Callable[[], Rejections]) -> Rule:
    """Warns of source files that could not be read: their rows are missing, however many they are."""

    def evaluate(audited: Audited) -> dict[str, Outcome]:
        found = rejected().unreadable_files
        more = f" and {len(found) - _FILES_NAMED} more" if found[_FILES_NAMED:] else ""
        named = ", ".join(found[:_FILES_NAMED]) + more
        return dict.fromkeys(audited.days, Outcome({_READABLE: len(found)}, {"files": named or "none"}, is_error=False))

    return Rule(
        "readable_files",
        "Warning: source files that could not be read. Their rows are missing; `engagement rejects` says why.",
        False,
        evaluate,
        (_READABLE,),
        any_of,
    )
