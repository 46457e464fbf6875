"""All Dagster wiring: assets, checks, publication, jobs, schedules, sensors, alerts."""
