"""Commands about this machine: `engagement dashboard | settings | doctor`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.text import Text

from engagement_assets.cli.console import Commands, print_table, say
from engagement_assets.settings import PREFIX, Settings

commands = Commands()


@commands.command()
def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8050,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only this machine sees it.")
    ] = "127.0.0.1",
    without_sign_in: Annotated[
        bool, typer.Option("--without-sign-in", help="Let everybody read it who reaches it, from other machines too.")
    ] = False,
) -> None:
    """Start the web dashboard on the published tables (default: http://127.0.0.1:8050)."""
    from engagement_assets.dashboard.server import serve

    serve(Settings(), port, host, lambda line: say(line, markup=False), without_sign_in=without_sign_in)


@commands.command("dashboard-user")
def dashboard_user(
    name: Annotated[str, typer.Argument(help="Name to sign in with.")],
    remove: Annotated[bool, typer.Option("--remove", help="Let this user sign in no more.")] = False,
) -> None:
    """Let somebody sign in to the dashboard: asks for the password twice, or reads it from a pipe."""
    from engagement_assets.dashboard.users import Users

    users = Users(Settings())
    if remove:
        users.remove(name)
        say(f"{name} can no longer sign in ({users.place})", markup=False)
        return
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    users.give(name, password)
    say(f"{name} can sign in to the dashboard, and nobody can who has no password ({users.place})", markup=False)


#: Settings that are groups of settings.
_POLICIES = ("scoring", "campaigns", "monitoring")


@commands.command("settings")
def show_settings() -> None:
    """Show every setting: its value, environment variable and meaning."""
    settings = Settings()
    rows = []
    groups = {PREFIX: settings, **{f"{PREFIX}{name.upper()}__": getattr(settings, name) for name in _POLICIES}}
    for prefix, group in groups.items():
        for name, field in type(group).model_fields.items():
            if name in _POLICIES:
                continue
            value, variable = getattr(group, name), prefix + name.upper()
            changed = value != field.default
            if hasattr(value, "low"):
                variable += "__LOW, __HIGH"
                value = f"{value.low:g}, {value.high:g}"
            text = (
                ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value).replace("None", "none")
            )
            rows.append((variable, Text(text, "bold" if changed else ""), field.description or ""))
    print_table(("Environment variable", "Value", "Meaning"), rows)
    say(f"\nScoring policy {settings.scoring.fingerprint()}; [bold]bold[/bold] values differ from the defaults.")


@commands.command()
def doctor() -> None:
    """What is installed, which engines work here, what the sources and tables hold, what to do if something is missing."""
    from engagement_assets.operations.doctor import examine

    findings = examine(Settings())
    marks = {"good": Text("ok", "green"), "note": Text("note", "yellow"), "bad": Text("bad", "red")}
    print_table(("", "What", "Found"), ((marks[each.grade], each.what, each.found) for each in findings))
    if any(finding.grade == "bad" for finding in findings):
        raise typer.Exit(1)
