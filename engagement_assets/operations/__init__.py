"""What commands and jobs do: run days, refresh, erase, diagnose."""
