"""What to do, in words: what to type, and what to click in the Dagster UI."""

#: The job that builds every table for a day or a range of days.
DAILY_JOB = "daily_snapshot"


def build(first: str = "", last: str = "") -> str:
    """How days are built; none: some days."""
    days = f" --from {first} --to {last}" if first else ""
    return f"`engagement run{days}`, or *Materialize all* of the job {DAILY_JOB} in the Dagster UI"


def accept_missing(source: str) -> str:
    """How a run is told that less of a source is meant."""
    return (
        f"`--accept-missing {source}`, or with `accept_missing: [{source}]` in the config of the resource "
        f"`sources`, in the *Launchpad* of the job {DAILY_JOB}"
    )
