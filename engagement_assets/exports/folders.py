"""The folders that files for others are written to."""

from __future__ import annotations

import os
from pathlib import Path


class ExportFolderError(RuntimeError):
    """A folder for files cannot be made or written; the message names it and the setting."""


def made(folder: Path) -> Path:
    """A folder, made where it is not there. Raises ExportFolderError if files cannot be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(folder, os.W_OK | os.X_OK) else "this user may not write to it"
    except OSError as error:
        why = f"{error.strerror}: {error.filename}"
    if why:
        raise ExportFolderError(f"no files can be written to {folder}: {why}; ENGAGEMENT_EXPORT names another folder")
    return folder
