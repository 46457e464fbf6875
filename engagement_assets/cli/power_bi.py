"""The command `engagement power-bi`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engagement_assets.cli.console import friendly, out
from engagement_assets.settings import Settings

commands = typer.Typer()


@commands.command("power-bi")
@friendly
def power_bi(
    folder: Annotated[
        Path | None, typer.Option("--to", help="Folder of the project (default: power_bi in the export folder).")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Folder of the CSV files as the machine with Power BI knows it."),
    ] = None,
) -> None:
    """Write a Power BI project over the exported CSV files."""
    from engagement_assets.exports.power_bi.project import write_project

    project = write_project(Settings(), folder, data)
    out.print(
        f"{project.entry}  {project.tables} tables, {project.measures} measures, {project.pages} pages",
        highlight=False,
        soft_wrap=True,
    )
    out.print("Open it in Power BI Desktop; its parameter DataFolder is the folder of the CSV files.", soft_wrap=True)
