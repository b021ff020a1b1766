#!/usr/bin/env bash
# Runs a command against a temporary Postgres that has this tree's migrations and no data:
#
#   tools/private-postgres.sh CMD [ARG…]   CMD gets DATABASE_URL; its exit status is that of this script
#   tools/private-postgres.sh --find       print the folder of the server programs that would be used, or fail
#
# The server has a folder of its own under /tmp and listens only on a Unix socket there. It never runs as root. It is
# stopped and removed when the script ends, even if that is killed. Its data is not flushed to disk: suitable for
# checking SQL, not for measuring.
set -euo pipefail
cd "$(dirname "$0")/.."

# The oldest version that the schema supports.
version_min=15

say() { echo "private-postgres: $*" >&2; }

# Prints the folder of the newest suitable server, if there is one. PG_BIN_DIR, if set, is the only place to search.
find_binaries() {
    local folder version
    while read -r folder; do
        [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ] || continue
        version=$("$folder/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
        if [ "$version" -ge "$version_min" ]; then
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

# Prints a command prefix that runs a command as a user other than root and, where setpriv exists, ends the server if
# this script is killed.
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
        say "Postgres server programs ($version_min or later) are missing: run 'make postgres', or set PG_BIN_DIR"
        return 1
    fi
    read -r -a as <<<"$(unprivileged)"
    unset PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGOPTIONS PGSERVICE PGSSLMODE
    # Not in TMPDIR: the path of a socket has at most 107 bytes, and the server's user must be able to enter its folder.
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

# Applies each migration in a transaction of its own, as `ledger migrate` does.
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
        [ -n "$found" ] || {
            say "no Postgres server programs ($version_min or later) in ${PG_BIN_DIR:-/usr/lib/postgresql/*/bin, pg_config or PATH}"
            exit 1
        }
        echo "$found"
        ;;
    '' | -*)
        say "usage: tools/private-postgres.sh CMD [ARG…] | --find"
        exit 2
        ;;
    *)
        start
        "$@"
        ;;
esac
