"""Commands about what the snapshots say: `engagement brief | explain | sensitivity | calibrate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from engagement_assets.cli.console import Commands, DateOption, UsageError, iso_day, parse_day, print_table, say
from engagement_assets.settings import PREFIX, Settings, local_path

commands = Commands()

_FEW = 10


@commands.command()
def brief(
    day: DateOption = None,
    since: Annotated[str | None, typer.Option("--since", help="The earlier day (default: a week before).")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="File to write it to: .html, or Markdown.")] = None,
) -> None:
    """Say in a few sentences what happened in the week, what is unusual about it, and whom to call."""
    from engagement_assets.analysis.brief import make_brief
    from engagement_assets.exports.brief_files import as_html, as_markdown
    from engagement_assets.lake.stores import replacing

    settings = Settings()
    found = make_brief(settings, iso_day(day), iso_day(since))
    if to is not None:
        with replacing(to) as draft:
            text = as_html if to.suffix.lower() in (".html", ".htm") else as_markdown
            draft.write_text(text(found, settings.dashboard_url), encoding="utf-8")
        say(str(to), markup=False)
        return
    say(f"[bold]{found.title}[/bold]: {found.headline}")
    for sentence in found.sentences:
        say(f"- {sentence.text}", markup=False)


@commands.command()
def explain(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    first: Annotated[str, typer.Option("--from", help="The earlier snapshot.")],
    last: Annotated[str | None, typer.Option("--to", help="The later snapshot (default: the latest).")] = None,
) -> None:
    """Say exactly why a customer's score moved between two snapshots."""
    from engagement_assets.analysis.explanation import explain_published, signed_amount
    from engagement_assets.domain.score_parts import KINDS, MEASURES

    found = explain_published(Settings(), customer, parse_day(first).isoformat(), iso_day(last))
    before, now, change = found.before, found.now, found.change
    say(
        f"{customer}, {before['as_of_date']} to {now['as_of_date']}: score {before['engagement_score']:.3f} to "
        f"{now['engagement_score']:.3f} ({signed_amount(change.total)})",
        markup=False,
    )
    say(f"{found.words}\n", markup=False)
    amounts = {measure.name: [change.amounts.get(f"{measure.name}_{kind}") for kind in KINDS] for measure in MEASURES}
    amounts["together"] = [change.ageing, change.behaviour, change.rescaling]
    rows = ([name, *("" if amount is None else f"{amount:+.6f}" for amount in row)] for name, row in amounts.items())
    print_table(("", "Ageing", "Behaviour", "Rescaling"), rows)


@commands.command()
def sensitivity(
    day: DateOption = None,
    horizon: Annotated[int, typer.Option(help="Days ahead by which weights are suggested: 30, 60 or 90.")] = 30,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Write each customer's lowest and highest rank to the export folder too.")
    ] = False,
) -> None:
    """How much segments and ranking depend on the weights, and which weights past snapshots would suggest."""
    from engagement_assets.analysis.backtest.evaluation import HORIZONS, is_month_end
    from engagement_assets.analysis.backtest.sensitivity import (
        component_scores,
        customer_rows,
        past_snapshots,
        suggest_weights,
        summary,
        try_weightings,
    )
    from engagement_assets.analysis.report import latest_day
    from engagement_assets.domain.contracts import EngagementScores
    from engagement_assets.domain.days import as_date
    from engagement_assets.domain.score_parts import PARTS
    from engagement_assets.lake.tables import LakeResource

    if horizon not in HORIZONS:
        raise UsageError(f"--horizon is one of {', '.join(map(str, HORIZONS))}")
    settings = Settings()
    lake = LakeResource.of(settings)
    chosen = latest_day(lake, EngagementScores, iso_day(day))
    customers, parts = component_scores(lake, chosen)
    tried = try_weightings(parts, settings.scoring)
    found = summary(tried)
    if found is None:
        say(f"The snapshot of {chosen} has no customers.")
        return
    names = " / ".join(part.name for part in PARTS)
    weights = " / ".join(f"{100 * weight:.0f}" for weight in found.most_flips_weights)
    figures = (
        ("Weightings tried (each part at least 10 %)", f"{found.weightings}"),
        ("Customers whose segment another weighting changes, on average", f"{found.mean_flips:.1%}"),
        (f"The most that one changes ({names} {weights})", f"{found.most_flips:.1%}"),
        ("Customers whose segment none changes", f"{found.always_the_same:,} of {found.customers:,}"),
        ("High under every weighting, under some", f"{found.always_high:,}, {found.ever_high:,}"),
        (
            "Percentile points between a customer's lowest and highest rank: median, 95th percentile",
            f"{found.median_rank_range:.1f}, {found.wide_rank_range:.1f}",
        ),
    )
    say(f"Weights and the snapshot of {chosen}:\n")
    print_table(("", ""), figures, header=False)
    rows = customer_rows(customers, tried)
    always = [row for row in rows if row["always_high"]]
    if always:
        say("\nHigh under every weighting, the surest first:\n")
        print_table(
            ("Customer", "Score", "Lowest percentile", "Highest"),
            (
                (
                    row["customer_id"],
                    f"{row['score']:.3f}",
                    f"{row['lowest_percentile']:.1f}",
                    f"{row['highest_percentile']:.1f}",
                )
                for row in always[:_FEW]
            ),
        )
    if as_csv:
        say(f"\nEach customer's ranks: {write_ranges(settings, chosen, rows)}", markup=False)
    ends = [each for each in lake.partitions(EngagementScores) if is_month_end(as_date(each))]
    suggestion = suggest_weights(past_snapshots(lake, ends, horizon), settings.scoring)
    say("")
    say(
        suggestion.in_words()
        if suggestion
        else f"No weights are suggested: no month's last snapshot has its next {horizon} days known."
    )


def write_ranges(settings: Settings, day: str, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows of `customer_rows` of a snapshot to a CSV file in the export folder, put in place when it is complete."""
    from engagement_assets.analysis.backtest.sensitivity import RANGE_COLUMNS, RANGES_FILE
    from engagement_assets.dashboard.exports import lines
    from engagement_assets.lake.stores import replacing

    folder = local_path(settings.export)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / RANGES_FILE
    with replacing(target) as draft, draft.open("w", newline="", encoding="utf-8") as stream:
        header: list[Any] = ["as_of_date", *RANGE_COLUMNS]
        stream.writelines(lines([header, *([day, *(row[name] for name in RANGE_COLUMNS)] for row in rows)]))
    return target


@commands.command()
def calibrate(day: DateOption = None) -> None:
    """Propose fixed bounds for the reference score from a snapshot, and show how its segments share the customers."""
    from engagement_assets.analysis.report import propose_bounds

    settings = Settings()
    proposal = propose_bounds(settings, iso_day(day))
    say(f"Reference bounds from the snapshot of {proposal.as_of_date}:\n")
    print_table(
        ("Measure", "Now", "Proposed", "Beyond the current bounds"),
        (
            (
                bound.measure,
                f"{bound.current.low:g} to {bound.current.high:g}",
                f"{bound.proposed.low:g} to {bound.proposed.high:g}",
                f"{bound.beyond:.1%} of customers",
            )
            for bound in proposal.bounds
        ),
    )
    say("\nTo use them, set (older snapshots then show as outdated until they are rebuilt):\n")
    for bound in proposal.bounds:
        name = f"{PREFIX}SCORING__{bound.setting.upper()}"
        say(f"export {name}__LOW={bound.proposed.low:g} {name}__HIGH={bound.proposed.high:g}")
    say(f"\nSegments (ENGAGEMENT_SCORING__SEGMENT_MODE={settings.scoring.segment_mode}):\n")
    print_table(
        ("Segment", "Customers", "From a score of", "By quantiles", "Same as from"),
        (
            (
                each.segment,
                f"{each.share:.1%}",
                "" if each.threshold is None else f"{each.threshold:g}",
                f"{each.wanted_share:.0%}",
                "" if each.equal_threshold is None else f"{each.equal_threshold:.3f}",
            )
            for each in proposal.segments
        ),
    )
    for name, share in proposal.out_of_size.items():
        say(f"\n{name} holds {share:.1%} of the customers: it tells hardly anybody apart.")
    if proposal.out_of_size and proposal.remedies:
        say("\nTo change that, set one of these:\n")
        for remedy in proposal.remedies:
            say(remedy)
    say(
        "\nThresholds let shares vary from day to day; quantiles fix the shares, and a customer may move because others did."
        "\nEach version of a table records the settings it was made with (Dagster UI, Delta history)."
    )
