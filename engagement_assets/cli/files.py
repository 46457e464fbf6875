"""Commands that write files: `engagement export | power-bi | sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engagement_assets.cli.console import Commands, DateOption, UsageError, err, iso_day, parse_day, say
from engagement_assets.settings import PREFIX, Settings

commands = Commands()


@commands.command()
def export(
    day: DateOption = None,
    folder: Annotated[str | None, typer.Option("--to", help="Folder of the CSV files.")] = None,
) -> None:
    """Write the CSV files of a snapshot (default: the latest) and the daily metrics of all days."""
    from engagement_assets.exports.csv_files import export_csv
    from engagement_assets.lake.tables import LakeResource

    settings = Settings()
    written = export_csv(LakeResource.of(settings), settings, folder, iso_day(day))
    say(f"Snapshot of {written.as_of_date}:")
    for file in written.files:
        say(f"  {file.path}  {file.rows:,} rows", markup=False)


@commands.command()
def sample(
    to: Annotated[Path, typer.Option(help="Folder to write the sources into.")] = Path("data/sample"),
    customers: Annotated[int, typer.Option(min=1, help="Number of customers.")] = 600,
    first: Annotated[str, typer.Option("--from", help="First day.")] = "2025-01-01",
    last: Annotated[str, typer.Option("--to-date", help="Last day.")] = "2026-06-30",
    seed: Annotated[int, typer.Option(help="Same seed, same data.")] = 7,
    clean: Annotated[bool, typer.Option("--clean", help="No bad rows.")] = False,
    welcome_uplift: Annotated[
        float,
        typer.Option(
            "--welcome-uplift",
            min=0,
            max=90,
            help="Points by which more new customers order where they are not held out of the audience welcome_new: a campaign "
            "that works, for engagement results to find.",
        ),
    ] = 0.0,
    contacts: Annotated[
        bool,
        typer.Option("--contacts", help="Contacts too: most of the new customers who are not held out are welcomed."),
    ] = False,
    mistaken: Annotated[
        float,
        typer.Option(
            "--contacted-by-mistake",
            min=0,
            max=100,
            help="Per cent of those held out who are welcomed all the same (with --contacts).",
        ),
    ] = 0.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Generate sources with believable behaviour and a small share of every kind of bad row."""
    from engagement_assets.sample_data import generate

    begin, end = parse_day(first), parse_day(last)
    if mistaken and not contacts:
        raise UsageError("--contacted-by-mistake needs --contacts")
    with err.status(f"generating {customers:,} customers"):
        made = generate(
            to,
            customers=customers,
            first_day=begin,
            last_day=end,
            seed=seed,
            bad_rows=not clean,
            welcome_uplift=welcome_uplift / 100,
            contacts=contacts,
            mistaken=mistaken / 100,
            overwrite=overwrite,
        )
    kept = ", ".join(f"{account.kept:,} {source.removeprefix('web_')}" for source, account in made.items())
    say(f"{kept} from {begin} to {end} in {to}", markup=False)
    say(f"Use them with {PREFIX}DATA={to} {PREFIX}START_DATE={begin}", markup=False)


@commands.command("power-bi")
def power_bi(
    folder: Annotated[
        Path | None, typer.Option("--to", help="Folder of the project (default: power_bi in the export folder).")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Folder of the CSV files as the machine with Power BI knows it.")
    ] = None,
) -> None:
    """Write a Power BI project over the exported CSV files."""
    from engagement_assets.exports.power_bi.project import write_project

    project = write_project(Settings(), folder, data)
    say(f"{project.entry}  {project.tables} tables, {project.measures} measures, {project.pages} pages", markup=False)
    for what in project.left_alone:
        say(what, markup=False)
    say("Open it in Power BI Desktop; its parameter DataFolder is the folder of the exported files.")
