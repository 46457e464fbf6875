"""Every use of a private name of Dagster, each with its reason: an upgrade of Dagster is looked at here."""
