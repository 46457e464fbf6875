"""`python -m engagement_assets.cli`."""

from engagement_assets.cli import main

main()
