"""`python -m engagement_assets_tests.benchmarks.duckdb_way DATA OUTPUT START FIRST LAST`: write the tables by hand."""

import sys
from pathlib import Path

from engagement_assets_tests.benchmarks.duckdb_way import build

build(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
