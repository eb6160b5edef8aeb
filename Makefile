# Every task of the project. `make check` is what CI runs.
# A failed test says where and why; its stack would hide what the others said.
export RUST_BACKTRACE = 0
.DEFAULT_GOAL := help
.PHONY: help run setup test check fuzz fmt golden openapi bench soak

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 18

run: ## serve on http://127.0.0.1:8080 (needs Rust only)
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs or your system's packages" >&2; exit 1; }
	cargo run -- serve

setup: ## install what the tests need (Debian packages, and the rest under target/test-tools)
	@tests/tools/setup

test: setup ## all tests
	cargo test

check: setup ## format, lints, documentation, all tests and a little fuzzing, as CI does
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
	cargo test
	tests/tools/fuzz 20

bench: setup ## all measurements, beside the peers (long; the first time longer); the figures go into docs/benchmarks.md
	benches/peers/setup
	cargo bench --profile dist --bench speed

soak: ## 100,000 documents, then the memory is what it was
	cargo bench --bench speed -- soak 100000

fuzz: setup ## the fuzz targets, 20 seconds each
	tests/tools/fuzz 20

fmt: ## format the source
	cargo fmt

golden: ## accept the pages as they now look: then review the difference
	SKOLEDOK_ACCEPT=1 cargo test --test it golden

openapi: ## write openapi/openapi.json anew
	@mkdir -p openapi
	cargo run -- openapi >openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json
