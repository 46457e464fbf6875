"""The web dashboard: pages over the published tables. It only reads; the URL is its only state."""
