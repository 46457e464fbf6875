#!/usr/bin/env bash
# The whole instance in one terminal or container: code server, daemon, Dagster UI, dashboard. All end when one ends, and on
# Ctrl-C. BIN: where the commands are. LISTEN: the address of the two web servers, by default this machine only.
set -euo pipefail
# Otherwise bash lets what it starts in the background ignore Ctrl-C, and Dagster then ignores being told to stop as well.
set -m
cd "$(dirname "$0")/../.."
BIN=${BIN:-.venv/bin}
LISTEN=${LISTEN:-127.0.0.1}
export DAGSTER_HOME=${DAGSTER_HOME:-$PWD/.dagster_production}
: "${DAGSTER_POSTGRES_URL:?name the database, for example postgresql+psycopg2:///engagement?host=/var/run/postgresql}"

# Two code servers would share the port without a word, and each would call the runs of the other one dead.
if (exec 3<> /dev/tcp/127.0.0.1/4000) 2> /dev/null; then
  echo "something listens on port 4000: a code server that is still running? It ends when its runs have ended" >&2
  exit 1
fi

mkdir -p "$DAGSTER_HOME"
[ -e "$DAGSTER_HOME/dagster.yaml" ] || cp docs/production/dagster.yaml "$DAGSTER_HOME/"
"$BIN/engagement" settings > /dev/null  # a wrong setting is told here, once
"$BIN/dagster" instance migrate > /dev/null  # also says so if the database cannot be reached

trap 'trap - EXIT; kill $(jobs -p) 2> /dev/null || true; wait' EXIT
trap 'exit 0' INT TERM

"$BIN/dagster" api grpc --host 127.0.0.1 --port 4000 --module-name engagement_assets.definitions --location-name engagement &
until "$BIN/dagster" api grpc-health-check --port 4000 &> /dev/null; do
  [ -n "$(jobs -r)" ] || { echo "the code server did not start" >&2; exit 1; }
  sleep 1
done
# A backfill waits for a code server that is away for a moment; otherwise Dagster gives it up as failed.
DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR=1 \
  "$BIN/dagster-daemon" run --workspace docs/production/workspace.yaml &
"$BIN/dagster-webserver" --workspace docs/production/workspace.yaml --host "$LISTEN" --port 3000 &
"$BIN/engagement" dashboard --host "$LISTEN" --port 8050 &
wait -n
echo "a service ended; the others are stopped" >&2
exit 1
