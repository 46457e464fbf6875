"""The instance that docs/production.md describes, with its own files and a real PostgreSQL."""
