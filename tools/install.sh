#!/usr/bin/env bash
# Installs what is missing to build, run and test the ledger:
#
#   tools/install.sh [rust] [postgres] [python]
#
#   rust       a C compiler (Debian's gcc) and, by rustup, Rust
#   postgres   Debian's postgresql, programs only: no cluster is created, no service is started
#   python     python3 with venv, for the tools in tests/.venv
#
# Debian packages are installed in one step, as root or by sudo. Where that is not possible, the last line is the
# command that installs them, and the exit status is 1. Installs nothing if nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

RUST_MIN=1.95
RUSTUP_URL=https://sh.rustup.rs

say() { echo "install: $*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }
has_postgres() { tools/private-postgres.sh --find >/dev/null 2>&1; }
has_python() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

# The folder in which rustup installs, which need not be on the caller's PATH yet.
export PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

packages=()
wants_rust=
for tool in "$@"; do
    case $tool in
        rust)
            wants_rust=1
            has cc || packages+=(gcc libc6-dev)
            has cargo || has curl || packages+=(ca-certificates curl)
            ;;
        postgres) has_postgres || packages+=(postgresql) ;;
        python) has_python || packages+=(python3 python3-venv) ;;
        *)
            say "usage: tools/install.sh [rust] [postgres] [python]"
            exit 2
            ;;
    esac
done

install_packages() {
    local list="$*" as_root=() override=/etc/postgresql-common/createcluster.d/allocation-ledger.conf
    local command="apt-get update && apt-get install -y --no-install-recommends $list"
    if ! has apt-get; then
        say "install the equivalents of these Debian packages: $list"
        return 1
    fi
    if [ "$(id -u)" != 0 ]; then
        # Without a terminal sudo cannot ask for a password.
        if ! has sudo || ! { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
            say "missing: $list. Run this as root, then try again:"
            echo "$command" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    say "installing $list"
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    {
        "${as_root[@]}" apt-get update -q
        if [[ $list = *postgresql* ]]; then
            # Debian's server package creates and starts a cluster unless this file forbids it.
            "${as_root[@]}" mkdir -p "$(dirname "$override")"
            echo 'create_main_cluster = false' | "${as_root[@]}" tee "$override"
        fi
        "${as_root[@]}" apt-get install -q -y --no-install-recommends "$@" </dev/null || true
        if [[ $list = *postgresql* ]]; then "${as_root[@]}" rm -f "$override"; fi
    } >&2
}

[ ${#packages[@]} = 0 ] || install_packages "${packages[@]}"

for tool in "$@"; do
    case $tool in
        rust) has cc || { say "there is no C compiler (cc)"; exit 1; } ;;
        postgres) has_postgres || { tools/private-postgres.sh --find >/dev/null; exit 1; } ;;
        python) has_python || { say "there is no python3 with venv"; exit 1; } ;;
    esac
done

[ "$wants_rust" ] || exit 0
if ! has cargo; then
    say "installing Rust by rustup"
    curl --proto '=https' --tlsv1.2 -sSf "$RUSTUP_URL" |
        sh -s -- -y --no-modify-path --profile minimal --component clippy --component rustfmt >&2 || {
        say "Rust could not be installed. Run this, then try again:"
        echo "curl --proto '=https' --tlsv1.2 -sSf $RUSTUP_URL | sh" >&2
        exit 1
    }
fi
version=$(cargo --version | sed -E 's/^cargo ([0-9.]+).*/\1/')
if [ "$(printf '%s\n' "$RUST_MIN" "$version" | sort --version-sort | head -n 1)" != "$RUST_MIN" ]; then
    say "Rust $RUST_MIN or later is required, and $(command -v cargo) has version $version. Run this, then try again:"
    if has rustup; then echo "rustup update stable" >&2; else
        echo "curl --proto '=https' --tlsv1.2 -sSf $RUSTUP_URL | sh" >&2
    fi
    exit 1
fi
