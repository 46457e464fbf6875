"""Commands about campaigns: `engagement results | holdout`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from engagement_assets.cli.console import Commands, DateOption, UsageError, iso_day, print_table, say
from engagement_assets.domain.campaign_findings import reached_in_words
from engagement_assets.settings import PREFIX, Settings

commands = Commands()

AudienceName = Annotated[str | None, typer.Option("--audience", help="One audience only.")]


@commands.command()
def results(day: DateOption = None, audience: AudienceName = None) -> None:
    """Say of each campaign audience what those did who were addressed, against those held out, and how sure that is."""
    from engagement_assets.analysis import campaign_results

    settings = Settings()
    chosen, rows = campaign_results.results(settings, iso_day(day), audience)
    window = settings.results.window_days
    say(f"Results up to {chosen}: who entered an audience on {window} days, by what they did in the days after.")
    for name in dict.fromkeys(row["audience"] for row in rows):
        say(f"\n[bold]{name}[/bold]")
        for row in (row for row in rows if row["audience"] == name):
            arms = (("treated", "treated_share"), ("held_out", "held_out_share"))
            did = " against ".join(
                f"{row[arm]:,} {arm.replace('_', ' ')}" + (f", {row[share]:.1%} ordered" if row[arm] else "")
                for arm, share in arms
            )
            reached = reached_in_words(row["treated"], row["treated_reached"])
            lines = (f"  {row['horizon_days']:>3} days: {row['verdict']}", did, reached)
            say("\n            ".join(filter(None, lines)), markup=False)
    for note in _notes(rows):
        say(f"\n{note}", markup=False)


def _notes(rows: list[dict[str, object]]) -> list[str]:
    """What has to be known to read the results rightly."""
    looks = max(int(str(row["looks"])) for row in rows)
    notes = [
        f"The day has {looks} results to look at: of so many one in twenty shows what is not there. “works” and “harms” "
        "allow for that (Holm); “perhaps” does not."
    ]
    if any(row["is_early"] for row in rows):
        least = f"{PREFIX}RESULTS__LEAST_UPLIFT"
        notes.append(
            f"Where too few are held out, a look is ahead of time, and may change ({least} says what is worth seeing)."
        )
    if any(row["treated"] and row["treated_reached"] == 0 for row in rows):
        notes.append(
            "Where none was reached, no campaign ran, or its contacts have another name than the audience (campaigns in "
            "sources.toml)."
        )
    if any(row["held_out_reached"] for row in rows):
        notes.append(
            "Contaminated: who was held out was contacted all the same. They count as held out, as they were drawn, so a true "
            "uplift looks smaller than it is. Find out which list they were on."
        )
    names = sorted({str(row["audience"]) for row in rows if row["is_balanced"] is False})
    if names:
        notes.append(f"The draw failed: treated and held out were not alike when they entered: {', '.join(names)}.")
    unknown = max(int(str(row["days_unknown"])) for row in rows)
    if unknown:
        notes.append(
            f"Up to {unknown} days have no audiences published. Nobody was told whom to address on them; who entered then counts "
            "from the next day that has."
        )
    return notes


@commands.command()
def holdout(
    audience: Annotated[str, typer.Option("--audience", help="The audience of the campaign.")],
    uplift: Annotated[float, typer.Option("--uplift", help="What is worth seeing, in points: 2 is 10 % to 12 %.")],
    horizon: Annotated[int | None, typer.Option(help="Days after which to judge (default: the longest).")] = None,
) -> None:
    """Say which share of an audience to hold out, and for how many weeks, to see an uplift."""
    from engagement_assets.analysis.campaign_results import plans
    from engagement_assets.analysis.campaign_results import results as results_of

    if not 0 < uplift < 100:
        raise UsageError("--uplift is a number of points between 0 and 100: 2 means from 10 % to 12 %")
    settings = Settings()
    days = horizon or settings.results.horizons[-1]
    if days not in settings.results.horizons:
        raise UsageError(f"--horizon is one of {', '.join(map(str, settings.results.horizons))}")
    chosen, rows = results_of(settings, audience=audience)
    found = [row for row in rows if row["horizon_days"] == days]
    if not found:
        raise UsageError(f"{audience} has no result over {days} days yet; choose a shorter --horizon")
    (row,) = found
    share = (row["treated_ordered"] + row["held_out_ordered"]) / (row["treated"] + row["held_out"])
    a_week = row["entries_per_day"] and 7 * row["entries_per_day"]
    coming = f"{a_week:,.0f} customers enter it a week" if a_week else "how many enter it in a week is not known yet"
    say(
        f"{audience}, up to {chosen}: {coming}, {share:.1%} of them order within {days} days. To see an uplift of "
        f"{uplift:g} points (4 times of 5, at 95 %):\n"
    )
    planned = plans(settings, row, uplift / 100)
    set_now = settings.campaigns.share_held_out(audience)
    print_table(
        ("Held out", "Customers it takes", "Weeks", ""),
        (
            (
                f"{plan.share:.0%}",
                "–" if plan.customers is None else f"{plan.customers:,}",
                "–" if plan.weeks is None else f"{max(1, round(plan.weeks))}",
                "set now" if plan.share == set_now else "",
            )
            for plan in planned
        ),
        to_the_right=("Held out", "Customers it takes", "Weeks"),
    )
    enough = [plan for plan in planned if plan.weeks is not None]
    if not enough:
        say(
            f"\nNo share is enough: {settings.results.window_days} days do not bring so many customers. Look for a larger "
            f"uplift, join audiences, or let a result count more days ({PREFIX}RESULTS__WINDOW_DAYS)."
        )
        return
    smallest = enough[0].share
    shares = json.dumps({**settings.campaigns.holdout_shares, audience: smallest})
    say(f"\nThe smallest share that is enough: {smallest:.0%}.")
    if smallest != set_now:
        say(f"\nexport {PREFIX}CAMPAIGNS__HOLDOUT_SHARES='{shares}'", markup=False)
