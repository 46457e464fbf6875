"""Commands about this machine: `engagement dashboard | settings | doctor`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from engagement_assets.cli.console import (
    friendly,
    out,
)
from engagement_assets.settings import PREFIX, Settings

commands = typer.Typer()


@commands.command()
@friendly
def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8050,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only this machine sees it.")
    ] = "127.0.0.1",
) -> None:
    """Start the web dashboard on the published tables (default: http://127.0.0.1:8050)."""
    from engagement_assets.dashboard.server import serve

    serve(Settings(), port, host, lambda line: out.print(line, markup=False, soft_wrap=True))


#: Settings that are groups of settings.
_POLICIES = ("scoring", "campaigns", "monitoring")


@commands.command("settings")
@friendly
def show_settings() -> None:
    """Show every setting: its value, environment variable and meaning."""
    settings = Settings()
    table = Table("Environment variable", "Value", "Meaning", box=None, pad_edge=False)
    for name, field in Settings.model_fields.items():
        if name in _POLICIES:
            continue
        changed = getattr(settings, name) != field.get_default(call_default_factory=True)
        table.add_row(PREFIX + name.upper(), _setting(getattr(settings, name), changed), field.description)
    for part in _POLICIES:
        policy = getattr(settings, part)
        for name, field in type(policy).model_fields.items():
            value = getattr(policy, name)
            changed = value != field.default
            variable = f"{PREFIX}{part.upper()}__{name.upper()}"
            if hasattr(value, "low"):
                variable += "__LOW, __HIGH"
                value = f"{value.low:g}, {value.high:g}"
            table.add_row(variable, _setting(value, changed), field.description)
    out.print(table)
    out.print(
        f"\nScoring policy {settings.scoring.fingerprint()}; [bold]bold[/bold] values differ from the defaults.",
    )


def _setting(value: object, changed: bool) -> str:
    text = ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value).replace("None", "none")
    return f"[bold]{text}[/bold]" if changed else text


@commands.command()
@friendly
def doctor() -> None:
    """What is installed, which engines work here, what the sources and tables hold, what to do if something is missing."""
    from engagement_assets.operations.doctor import examine

    table = Table("", "What", "Found", box=None, pad_edge=False)
    findings = examine(Settings())
    marks = {"good": "[green]ok[/green]", "note": "[yellow]note[/yellow]", "bad": "[red]bad[/red]"}
    for finding in findings:
        table.add_row(marks[finding.grade], finding.what, finding.found)
    out.print(table)
    if any(finding.grade == "bad" for finding in findings):
        raise typer.Exit(1)
