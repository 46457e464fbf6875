#!/usr/bin/env bash
# The whole instance in one terminal or container: code server, daemon, Dagster UI, dashboard. All end when one ends, and on
# Ctrl-C. BIN: where the commands are. LISTEN: the address of the two web servers, by default this machine only. CODE_PORT, UI_PORT,
# DASHBOARD_PORT: where code server, Dagster UI and dashboard listen.
set -euo pipefail
# A script that starts this in the background (`make production &`) lets it ignore Ctrl-C, no shell can undo that for itself, and
# Dagster then ignores being told to stop as well.
if [ -z "${SIGNALS_ARE_DEFAULT:-}" ] && env --default-signal=INT,QUIT true 2> /dev/null; then
  SIGNALS_ARE_DEFAULT=1 exec env --default-signal=INT,QUIT "$0" "$@"
fi
# Otherwise bash lets what it starts in the background ignore Ctrl-C, and Dagster then ignores being told to stop as well.
set -m
cd "$(dirname "$0")/../.."
BIN=${BIN:-.venv/bin}
LISTEN=${LISTEN:-127.0.0.1}
export CODE_PORT=${CODE_PORT:-4000}  # workspace.yaml reads it
UI_PORT=${UI_PORT:-3000}
DASHBOARD_PORT=${DASHBOARD_PORT:-8050}
export DAGSTER_HOME=${DAGSTER_HOME:-$PWD/.dagster_production}
: "${DAGSTER_POSTGRES_URL:?name the database, for example postgresql+psycopg2:///engagement?host=/var/run/postgresql}"

# Two code servers would share the port without a word, and each would call the runs of the other one dead.
if (exec 3<> "/dev/tcp/127.0.0.1/$CODE_PORT") 2> /dev/null; then
  echo "something listens on port $CODE_PORT: a code server that is still running? It ends when its runs have ended" >&2
  exit 1
fi

mkdir -p "$DAGSTER_HOME"
[ -e "$DAGSTER_HOME/dagster.yaml" ] || cp docs/production/dagster.yaml "$DAGSTER_HOME/"
"$BIN/engagement" settings > /dev/null  # a wrong setting is told here, once
"$BIN/dagster" instance migrate > /dev/null  # also says so if the database cannot be reached

trap 'trap - EXIT; kill $(jobs -p) 2> /dev/null || true; wait' EXIT
trap 'exit 0' INT TERM

"$BIN/dagster" api grpc --host 127.0.0.1 --port "$CODE_PORT" --module-name engagement_assets.definitions --location-name engagement &
until "$BIN/dagster" api grpc-health-check --port "$CODE_PORT" &> /dev/null; do
  [ -n "$(jobs -r)" ] || { echo "the code server did not start" >&2; exit 1; }
  sleep 1
done
# A backfill waits for a code server that is away for a moment; otherwise Dagster gives it up as failed.
DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR=1 \
  "$BIN/dagster-daemon" run --workspace docs/production/workspace.yaml &
"$BIN/dagster-webserver" --workspace docs/production/workspace.yaml --host "$LISTEN" --port "$UI_PORT" &
"$BIN/engagement" dashboard --host "$LISTEN" --port "$DASHBOARD_PORT" &
wait -n
echo "a service ended; the others are stopped" >&2
exit 1
