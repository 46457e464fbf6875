"""The command line, `engagement`: one file per group of commands."""

from engagement_assets.cli.app import main

__all__ = ["main"]
