#!/usr/bin/env bash
# Runs one command against a throw-away Postgres that has this tree's migrations and no data:
#
#   tests/private-postgres.sh CMD [ARG…]   CMD sees DATABASE_URL; its exit status is this script's
#   tests/private-postgres.sh --find       print the folder of the server binaries that would be used, or fail
#   tests/private-postgres.sh --install    make sure that there are some: by apt-get where that exists
#
# The server lies in a folder of its own under /tmp, listens on a Unix socket there and nowhere else, is never run as
# root, and is stopped and removed when the script ends, however that happens. What it holds is disposable, so it
# does not wait for the disk: good for checking SQL, no good for measuring.
set -euo pipefail
cd "$(dirname "$0")/.."

# The first version that the schema is written for.
least_version=15

say() { echo "private-postgres: $*" >&2; }

# The folder of the newest server that is new enough, or nothing; PG_BIN_DIR, when set, is the only place to look.
find_binaries() {
    local folder version
    while read -r folder; do
        [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ] || continue
        version=$("$folder/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
        if [ "$version" -ge "$least_version" ]; then
            echo "$folder"
            return
        fi
    done < <(
        if [ -n "${PG_BIN_DIR:-}" ]; then
            echo "$PG_BIN_DIR"
            exit
        fi
        printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort --reverse
        pg_config --bindir 2>/dev/null
        dirname "$(command -v postgres)" 2>/dev/null
    )
}

# Debian's server package makes a cluster and starts it as a system service unless told not to: it is told, for as
# long as the installation takes.
install_binaries() {
    local as_root=() override=/etc/postgresql-common/createcluster.d/allocation-ledger.conf
    if [ -n "$(find_binaries)" ]; then return; fi
    if [ -n "${PG_BIN_DIR:-}" ]; then
        say "PG_BIN_DIR=$PG_BIN_DIR holds no Postgres server binaries ($least_version or later)"
        return 1
    fi
    if ! command -v apt-get >/dev/null; then
        say "Postgres server binaries ($least_version or later) are missing: install them, or set PG_BIN_DIR to their folder"
        return 1
    fi
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            say "Postgres server binaries are missing and so is sudo: run 'apt-get install postgresql' as root"
            return 1
        fi
        as_root=(sudo)
    fi
    say "installing Debian's package postgresql (binaries only, no service is started)"
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    {
        "${as_root[@]}" apt-get update -q
        "${as_root[@]}" mkdir -p "$(dirname "$override")"
        echo 'create_main_cluster = false' | "${as_root[@]}" tee "$override"
        "${as_root[@]}" apt-get install -q -y --no-install-recommends postgresql </dev/null || true
        "${as_root[@]}" rm -f "$override"
    } >&2
    if [ -z "$(find_binaries)" ]; then
        say "no Postgres $least_version or later after 'apt-get install postgresql': see https://wiki.postgresql.org/wiki/Apt"
        return 1
    fi
}

# A command line that runs the rest of its arguments as somebody who is not root and, where setpriv exists, ends the
# server when this script is killed outright.
unprivileged() {
    local user=postgres
    if [ "$(id -u)" != 0 ]; then
        if setpriv --pdeathsig INT true 2>/dev/null; then echo "setpriv --pdeathsig INT"; fi
        return
    fi
    id "$user" >/dev/null 2>&1 || user=nobody
    echo "setpriv --reuid $user --regid $(id -g "$user") --clear-groups --pdeathsig INT env HOME=/"
}

stop() {
    if [ -n "$server" ]; then
        kill -INT "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}

start() {
    local bin as=() owner i
    bin=$(find_binaries)
    if [ -z "$bin" ]; then
        say "Postgres server binaries ($least_version or later) are missing: run 'make postgres', or set PG_BIN_DIR"
        return 1
    fi
    read -r -a as <<<"$(unprivileged)"
    unset PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGOPTIONS PGSERVICE PGSSLMODE
    # Not in TMPDIR: the path of a socket has at most 107 bytes, and the server's user must be able to come here.
    folder=$(mktemp -d /tmp/ledger-postgres.XXXXXX)
    trap stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    owner=$("${as[@]+"${as[@]}"}" id -u)
    [ "$owner" = "$(id -u)" ] || chown "$owner" "$folder"

    (
        cd "$folder"
        "${as[@]+"${as[@]}"}" "$bin/initdb" --pgdata data --username postgres --auth trust --encoding UTF8 \
            --locale C --no-sync >initdb.log 2>&1 </dev/null || { cat initdb.log >&2; exit 1; }
    )
    cd "$folder"
    "${as[@]+"${as[@]}"}" "$bin/postgres" -D data -k "$folder" -c listen_addresses= -c fsync=off \
        -c full_page_writes=off -c synchronous_commit=off >server.log 2>&1 </dev/null &
    server=$!
    cd "$OLDPWD"
    for ((i = 0; i < 300; i++)); do
        if [ "$(sed -n 8p "$folder/data/postmaster.pid" 2>/dev/null | tr -d ' ')" = ready ]; then break; fi
        if ! kill -0 "$server" 2>/dev/null; then break; fi
        sleep 0.1
    done
    export DATABASE_URL="postgres://postgres@localhost/ledger?host=$folder"
    "$bin/psql" -X -q -h "$folder" -U postgres -d postgres -c 'CREATE DATABASE ledger' || {
        cat "$folder/server.log" >&2
        return 1
    }
    migrate "$bin/psql"
}

# Every migration in one transaction of its own, as `ledger migrate` runs them.
migrate() {
    local psql=$1 file
    for file in migrations/*.sql; do
        [ -e "$file" ] || continue
        "$psql" -X -q -v ON_ERROR_STOP=1 -1 -f "$file" "$DATABASE_URL" >/dev/null
    done
}

folder=
server=
case "${1:-}" in
    --find)
        found=$(find_binaries)
        [ -n "$found" ] || { say "no Postgres server binaries ($least_version or later) found"; exit 1; }
        echo "$found"
        ;;
    --install) install_binaries ;;
    '' | -*)
        say "usage: tests/private-postgres.sh CMD [ARG…] | --find | --install"
        exit 2
        ;;
    *)
        start
        "$@"
        ;;
esac
