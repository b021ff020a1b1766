#!/usr/bin/env bash
# Fuzzes the HTTP API against its OpenAPI document: starts a demo installation in a temporary folder on a free
# loopback port, runs schemathesis against it with one pass per role, all passes at the same time, and removes
# everything again.
#
#   tests/schemathesis/run.sh [LEDGER]     LEDGER is the executable, target/debug/ledger by default
#
#   FUZZ_SECONDS    the duration of each pass (30)
#   FUZZ_EXAMPLES   test cases per operation and round (30)
#   FUZZ_SEED       1 by default, so that a failure can be repeated; `random` explores
#
# The last line counts operations over all passes: `N passed, N failed`. Reports and the server's log are in
# target/schemathesis. Exit status: 0, or 1 if an operation failed.
#
# Each pass has one worker: Python 3.11 fails if two threads parse sources at the same time (python/cpython#106905),
# which hypothesis does.
#
# It relies on the output of `ledger demo`: `school: <uuid>` and, when ready, `ledger: listening on <base>`.
set -euo pipefail
cd "$(dirname "$0")/../.."

ledger=$(realpath -- "${1:-target/debug/ledger}")
python=$PWD/tests/.venv/bin/python
config=$PWD/tests/schemathesis/schemathesis.toml
export SCHEMATHESIS_HOOKS=$PWD/tests/schemathesis/hooks.py
reports=$(realpath -m -- "${CARGO_TARGET_DIR:-target}")/schemathesis
seconds=${FUZZ_SECONDS:-30}
seed=${FUZZ_SEED:-1}

# The time limit for the server to create a cluster, migrate it and fill a demo school.
ready_seconds=120

say() { echo "fuzz-api: $*" >&2; }

if [ ! -x "$ledger" ]; then
    say "the ledger executable is missing: run 'cargo build --bin ledger'"
    exit 1
fi
if [ ! -x "$python" ] || ! "$python" -c 'import schemathesis' 2>/dev/null; then
    say "schemathesis is missing from tests/.venv: run 'make fuzz-api'"
    exit 1
fi

# A fuzzer exceeds the rate limit of a person.
export LEDGER_RATE_LIMIT_PEOPLE_PER_SECOND=0

server=
passes=()
scratch=$(mktemp -d)
# The server's Postgres may run as another user, which must be able to enter the data folder.
chmod 755 "$scratch"
data=$scratch/data

stop() {
    local i
    # On an interruption the passes still run: each is a shell and its schemathesis.
    for i in "${passes[@]+"${passes[@]}"}"; do
        pkill -TERM -P "$i" 2>/dev/null || true
    done
    if [ -n "$server" ]; then
        kill -INT "$server" 2>/dev/null || true
        for ((i = 0; i < 100; i++)); do
            kill -0 "$server" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

rm -rf "$reports"
mkdir -p "$reports"

# Where setpriv exists, the server also ends if this script is killed with SIGKILL.
with_parent=()
if setpriv --pdeathsig TERM true 2>/dev/null; then with_parent=(setpriv --pdeathsig TERM); fi
"${with_parent[@]+"${with_parent[@]}"}" "$ledger" demo --data-dir "$data" --listen 127.0.0.1:0 \
    >"$scratch/stdout" 2>"$reports/server.log" </dev/null &
server=$!

base=
for ((i = 0; i < ready_seconds * 10; i++)); do
    base=$(sed -n 's/^ledger: listening on \(http[^ ]*\).*/\1/p' "$scratch/stdout" | head -n 1)
    if [ -n "$base" ] || ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
done
school=$(sed -n 's/^ *school: *\([0-9a-fA-F-]\{36\}\).*/\1/p' "$scratch/stdout" | head -n 1)
if [ -z "$base" ] || [ -z "$school" ]; then
    say "'ledger demo' printed no address or no school; its output was:"
    cat "$scratch/stdout" "$reports/server.log" >&2
    exit 1
fi
case $base in
    http://127.0.0.1:*) ;;
    *)
        say "refusing to fuzz $base: not loopback"
        exit 1
        ;;
esac

token() { "$ledger" token --data-dir "$data" --ttl 1h "$@"; }

# fuzz NAME TOKEN [OPTION…]: one pass in a folder of its own, which also has what `schemathesis replay` needs. The
# exit status is written to the folder, for the count at the end.
fuzz() {
    local name=$1 token=$2 status=0
    shift 2
    mkdir -p "$reports/$name"
    (
        cd "$reports/$name"
        if [ "$seed" != random ]; then set -- "$@" --seed "$seed"; fi
        exec "$python" -m schemathesis.cli --config-file "$scratch/$name.toml" --no-color run "$base/openapi.json" \
            --header "Authorization: Bearer $token" --max-examples "${FUZZ_EXAMPLES:-30}" --max-time "$seconds" \
            --workers 1 --request-timeout 10 --report-json-path report.json --report-junit-path junit.xml \
            "$@" </dev/null >output.txt 2>&1
    ) || status=$?
    echo "$status" >"$reports/$name/status"
}

# Any school, any id: unknown and malformed input, and the creation of schools.
cp "$config" "$scratch/platform_admin.toml"
# The demo school, so that the cases get past "no such school" and reach the rules.
{
    cat "$config"
    printf '\n[parameters]\nschool = "%s"\n' "$school"
} | tee "$scratch/principal.toml" >"$scratch/proxy.toml"

echo "fuzzing for $seconds s as platform_admin, principal and proxy"
fuzz platform_admin "$(token --role platform_admin)" &
passes=($!)
fuzz principal "$(token --role principal --school "$school")" &
passes+=($!)
fuzz proxy "$(token --role proxy --school "$school")" --include-path-regex '/(debits|holds|usage)|/v1/events$' &
passes+=($!)
wait "${passes[@]}"
for name in platform_admin principal proxy; do
    echo "=== $name"
    cat "$reports/$name/output.txt"
done

# In JUnit's format an operation is one test case, and so is a whole stateful run.
"$python" - "$reports" <<'PYTHON'
import json
import pathlib
import sys
import xml.etree.ElementTree as xml

passed = failed = skipped = 0
for folder in sorted(path.parent for path in pathlib.Path(sys.argv[1]).glob("*/status")):
    bad = good = 0
    if (folder / "junit.xml").exists() and (folder / "report.json").exists():
        for case in xml.parse(folder / "junit.xml").iter("testcase"):
            bad_here = case.find("failure") is not None or case.find("error") is not None
            bad, good = bad + bad_here, good + (not bad_here and case.find("skipped") is None)
        operations = json.loads((folder / "report.json").read_text())["operations"]
        skipped += operations["selected"] - operations["tested"]
    # It failed without naming an operation, for example because the document did not load.
    if (folder / "status").read_text().strip() != "0" and not bad:
        bad = 1
    passed, failed = passed + good, failed + bad
if not passed and not failed:
    failed = 1
print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
sys.exit(1 if failed else 0)
PYTHON
