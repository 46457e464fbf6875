"""What the numbers of an experiment say: the findings, and the sentence of each."""

from __future__ import annotations

from engagement_assets.domain.uplift import Interval


def judge(uplift: Interval | None, all_looks: Interval | None, *, is_early: bool, least: float) -> str:
    """The finding of an uplift with its interval, and the one that allows for all looks.

    `is_early`: fewer are held out than it takes to see an uplift of `least`.
    """
    if uplift is None or all_looks is None:
        return "nobody held out"
    if all_looks.low > 0 or all_looks.high < 0:
        return "works" if all_looks.low > 0 else "harms"
    if uplift.low > 0 or uplift.high < 0:
        return "perhaps"
    if is_early and not (-least < uplift.low and uplift.high < least):
        return "too few held out"
    return "no effect"


def in_words(
    finding: str,
    uplift: Interval | None,
    all_looks: Interval | None,
    revenue: Interval | None,
    looks: int,
    *,
    is_early: bool,
    lacking: int | None,
    weeks: float | None,
    window: int,
    most: float | None,
    entries: float | None,
    at_half: int | None,
) -> str:
    """The verdict as a sentence.

    `revenue` is what was earned more; `lacking` how many more have to be held out, and in how many `weeks` they will be; without
    `weeks` they never will: the `window` of so many days brings about `most`, where that is known, of `entries` in both arms.
    With half of these held out it would take `at_half`.
    """
    if uplift is None or all_looks is None:
        return "nobody to compare with: either nobody was held out, or everybody was"
    early = "; an early look: fewer held out than planned" if is_early else ""
    if finding in ("works", "harms"):
        earned = "" if revenue is None else f", {_earned(revenue)}"
        return f"{finding}: {_points(uplift)}{earned}{early}"
    if finding == "perhaps":
        low, high = (f"{100 * each:+.1f}" for each in (all_looks.low, all_looks.high))
        return f"perhaps: {_points(uplift)}; allowing for {looks} looks {low} to {high}{early}"
    if finding == "no effect":
        return f"no effect seen: between {100 * uplift.low:+.1f} and {100 * uplift.high:+.1f} points"
    if lacking is None:
        return "too few held out"
    if weeks is not None:
        return f"too few held out: about {_rounded(lacking)} more, some {max(1, round(weeks))} week{'s' * (round(weeks) > 1)}"
    if entries is not None and at_half is not None and at_half > entries:
        return (
            f"too few customers: {window} days bring some {_rounded(entries)}, and it takes {_rounded(at_half)} "
            "even with half of them held out"
        )
    bring = "" if most is None else f"{window} days bring some {_rounded(most)}, so "
    return f"too few held out: about {_rounded(lacking)} more; {bring}hold out a larger share (engagement holdout)"


def contaminated(held_out: int, reached: int | None) -> str:
    """What the verdict has to add where customers were held out and contacted all the same; empty where nobody is known to be.

    A defect of the experiment: they count as held out, as they were drawn, so that a true uplift looks smaller than it is.
    """
    if not reached:
        return ""
    return f"; contaminated: {reached:,} of {held_out:,} held out were contacted ({reached / held_out:.1%})"


def reached_in_words(treated: int, reached: int | None) -> str | None:
    """How many of the treated a campaign reached; None where no contact is known."""
    if reached is None or not treated:
        return None
    if not reached:
        return f"none of {treated:,} treated was reached"
    return f"{reached:,} of {treated:,} treated were reached ({reached / treated:.1%})"


def _points(uplift: Interval) -> str:
    return f"{100 * uplift.difference:+.1f} points ({100 * uplift.low:.1f} to {100 * uplift.high:.1f})"


def _earned(revenue: Interval) -> str:
    word = "earned" if revenue.difference >= 0 else "lost"
    text = f"about {_rounded(abs(revenue.difference))} {word}"
    if revenue.low > 0 or revenue.high < 0:
        return text
    return f"{text} (not certain: {_rounded(revenue.low)} to {_rounded(revenue.high)})"


def _rounded(number: float) -> str:
    """To two digits that mean something."""
    return f"{float(f'{number:.2g}'):,.0f}"
