# `make` says what there is. Everything but `bench` and `attack` uses cargo's dev profile, so what the demo needs is
# built once for the tests too.

export CARGO_TARGET_DIR ?= $(CURDIR)/target
EXAMPLES := --manifest-path guest-sdk/examples/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/examples
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
RUN_TESTS := $(if $(NEXTEST),cargo nextest run --no-fail-fast,cargo test --no-fail-fast --lib --bins --tests)
# Which tests are heard when they pass.
HEARD := $(if $(NEXTEST),--config-file $(CURDIR)/tests/nextest.toml)

.DEFAULT_GOAL := help
.PHONY: help setup rust target verifiers build demo gallery cluster cluster-test serve test hostile attack proofs bench bench-audit bench-cluster bench-service docs lint advisories vm-test miri fuzz mutants soak

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: rust target build ## Check this machine, get the WebAssembly target, build
	@echo "Ready. Next: make demo"

rust:
	@command -v cargo > /dev/null || { echo "Rust is missing. Install it from https://rustup.rs and run this again." >&2; exit 1; }
	@command -v cc > /dev/null || { echo "A C compiler is missing (ring and zstd need one). Install gcc or clang and run this again." >&2; exit 1; }

# Does nothing when the target is there.
target: rust
	@scripts/wasm-target.sh

verifiers: ## Get the tools by others that the tests use; says first what it installs
	@scripts/verifiers.sh

# What the demo runs.
build: rust
	cargo build --package unseen --package unseen-auditor --package unseen-demo

demo: target build ## Play the whole story in the folder demo-lab (or DEMO_DIR)
	@demo/story.sh

gallery: build ## Run a job for each field of work and measure its errors
	@demo/gallery.sh

# `cargo run` would keep cargo's lock while it serves.
# ENGINE is local (none: the default), spark, slurm or dask; STORE is folder (the default) or s3. FAULT, if there is one,
# is kill, freeze, cut or twice.
cluster: build ## Run a job on two nodes of an ENGINE on this machine, and derive it again in one process
	@STORE=$(STORE) scripts/cluster.sh $(or $(ENGINE),local) $(FAULT)

# With ENGINE and FAULT, those alone.
cluster-test: build ## Try couriers and runs with all engines, nodes killed and frozen; gets the engines first
	@scripts/cluster-test.sh $(ENGINE) $(FAULT)

serve: build ## Serve a made-up lab on this machine, from the folder demo-served, until Ctrl-C
	@$(CARGO_TARGET_DIR)/debug/unseen serve --demo

# The examples and the documentation's examples first, so that the workspace's summary comes last; what is off by
# default before it too, so that the program that stays is the default one.
test: target lint ## Check and run all tests; those that lack a tool say so
	$(RUN_TESTS) $(EXAMPLES)
	cargo test --workspace --doc --quiet
	cargo test --workspace --features unseen/otel,unseen/s3 --test telemetry
	cargo test --workspace --features unseen/otel,unseen/s3 --test bucket --test cluster in_a_bucket
	$(RUN_TESTS) $(HEARD) --workspace

# With OUT, what another system needs to be tried in the same way (tests/hostile/README.md) is written there first.
hostile: target ## Try hostile code on neighbouring datasets; with OUT=FOLDER, write it there for other systems
	$(if $(OUT),cargo run --quiet --package unseen-runtime --example hostile_suite -- $(OUT))
	$(RUN_TESTS) --workspace --test hostile

# Says SKIPPED where Coq is not there and cannot be got, and fails with UNSEEN_REQUIRE_ALL=1.
proofs: rust ## Check the proofs with Coq, and the code against what they are about
	@scripts/proofs.sh

# Runs under swap; says SKIPPED where qemu or a kernel is not there, and fails with UNSEEN_REQUIRE_ALL=1.
vm-test: ## Run jobs in a virtual machine that swaps
	cargo test --package unseen --test vm -- --ignored --nocapture

# All in one build: other features would have wasmtime compiled again.
bench: target ## Measure speed, in the release profile
	cargo build --release $(foreach it,unseen unseen-bench unseen-runtime unseen-core,--package $(it)) \
		--bins --example bench_units --example bench_merge
	PATH="$(CARGO_TARGET_DIR)/verifiers/venv/bin:$(CARGO_TARGET_DIR)/verifiers/node/node_modules/.bin:$$PATH" \
		$(CARGO_TARGET_DIR)/release/unseen-bench $(BENCH)
	$(CARGO_TARGET_DIR)/release/examples/bench_units
	$(CARGO_TARGET_DIR)/release/examples/bench_merge

bench-service: target ## Measure a lab of a thousand jobs on the network, and fifty who write to it, in the release profile
	cargo build --release --package unseen --package unseen-bench
	$(CARGO_TARGET_DIR)/release/unseen-bench --service $(BENCH)

bench-cluster: target ## Measure a run over one node beside the same run alone, in the release profile
	cargo build --release --package unseen --package unseen-bench
	$(CARGO_TARGET_DIR)/release/unseen-bench --cluster $(BENCH)

bench-audit: rust ## Measure an audit of a million entries, in the release profile
	cargo run --release --quiet --package unseen-audit --example bench_audit

docs: rust ## Build the API documentation
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	@echo "$(CARGO_TARGET_DIR)/doc/unseen/index.html"

lint: rust ## Check format, lints, licences and bans
	cargo fmt --all --check
	cargo fmt --all --check --manifest-path guest-sdk/examples/Cargo.toml
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --all-targets $(EXAMPLES) -- -D warnings
	@if command -v c++ > /dev/null; then cargo clippy --package unseen-fuzz --features libfuzzer --bin libfuzzer -- -D warnings; \
	elif [ -n "$$UNSEEN_REQUIRE_ALL" ]; then echo "a C++ compiler is missing: install g++ or clang" >&2; exit 1; \
	else echo "SKIPPED: whether the fuzzer builds; install g++ or clang"; fi
	@PATH="$(CARGO_TARGET_DIR)/verifiers/cargo/bin:$$PATH"; \
	if command -v cargo-deny > /dev/null; then cargo deny --workspace check --hide-inclusion-graph bans licenses sources; \
	elif [ -n "$$UNSEEN_REQUIRE_ALL" ]; then echo "cargo-deny is not installed: make verifiers" >&2; exit 1; \
	else echo "SKIPPED: licences and bans (deny.toml); make verifiers, or cargo install cargo-deny"; fi

advisories: rust ## Ask the advisory database about every dependency (needs the network)
	PATH="$(CARGO_TARGET_DIR)/verifiers/cargo/bin:$$PATH" cargo deny --workspace check advisories

# What else is unsafe calls the system, which Miri does not have.
miri: rust ## Run the SDK's unsafe code under Miri (needs a nightly toolchain with miri)
	cargo +nightly miri test --target-dir $(CARGO_TARGET_DIR)/miri --package unseen-guest --lib -- --skip calendar

# SOAK may be other "hours jobs runs" than "24 100000 2000".
soak: target ## Let a lab live a busy day in an hour or two, and have it audited (in the release profile)
	SOAK="$(SOAK)" cargo test --release --package unseen --test soak -- --ignored --nocapture

# With FUZZ_TARGETS="note entry", those alone.
fuzz: rust ## Fuzz every parser for FUZZ_SECONDS (20) each; FUZZ_KEEP=1 keeps what is new (needs nightly Rust, cargo-fuzz)
	@scripts/fuzz.sh

# With MUTANTS_CRATES="core tlog", those alone; with MUTANTS_SHARD=1/8, an eighth.
mutants: rust ## Break the code that must be believed, place by place, and see tests fail (needs cargo-mutants)
	@scripts/mutants.sh

# ATTACK may be --short, --seed N, --only WORDS; `docs/attack.md` says what it does.
attack: rust ## Try to prove that releases cost more than they claim, and that faults are found
	cargo run --release --quiet --package unseen-attack -- $(ATTACK)
