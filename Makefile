# `make demo` and `make test` are all that a fresh machine needs; the rest is for work on the code.
# `scripts/setup` finds or fetches a cmake that is new enough, into .tools/bin where it has to.
export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: demo test setup fmt clippy doc bench clean-tools

demo: setup
	cargo build --release
	scripts/demo

test: setup
	cargo test

setup:
	@scripts/setup >/dev/null

fmt:
	cargo fmt

clippy: setup
	cargo clippy --all-targets -- -D warnings

doc: setup
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps

# The workload to run, and where its data is; see BENCHMARKS.md.
ARGS ?= --workload w02 --size small --data . --out .
bench: setup
	cargo run --release --bin workloads -- $(ARGS)

clean-tools:
	rm -rf .tools
