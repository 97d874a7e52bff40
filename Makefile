# What can be done here. `make run` and `make test` set up what they need; a second run finds it done.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help run setup clean generate generate-check format check test test-unit test-integration test-end-to-end \
	fuzz conformance lint types bench run-server run-worker doctor lock

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: setup  ## Set up if needed, start everything; Ctrl-C stops it
	@exec $(BIN)/python -m server.cli.up

setup: $(INSTALLED)  ## Install the locked environment into .venv, compile the codec, and get a Chromium if none is found
	@$(BIN)/python -m gateway.codec.native
	@$(BIN)/python -m workers.chromium --install

# Written last, so that a setup that broke off is done again.
$(INSTALLED): deploy/requirements.lock deploy/installer.lock deploy/install.sh pyproject.toml
	@sh deploy/install.sh
	@touch $@

clean:  ## Remove what setup and the tools made; data/ stays
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

generate: $(INSTALLED)  ## Rebuild generated/ from proto/
	$(BIN)/python proto/generate.py

generate-check: $(INSTALLED)  ## Fail if `make generate` would change anything
	$(BIN)/python proto/generate.py --check

format: $(INSTALLED)  ## Rewrite files in place
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write --path proto/gateway --path proto/switchyard

check: lint types test generate-check  ## What a change must pass

test: setup  ## The whole suite, on all cores
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

test-unit: $(INSTALLED)  ## Tests that need nothing running
	$(BIN)/python -m pytest tests/unit

test-integration: setup  ## Tests with a store, or a server in process
	$(BIN)/python -m pytest tests/integration

test-end-to-end: setup  ## Tests with everything as real processes
	$(BIN)/python -m pytest tests/end_to_end

fuzz: setup  ## Generated requests at the gateway, FUZZ_SECONDS (600) long
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} $(BIN)/python -m pytest tests/integration/gateway/fuzz

conformance: setup  ## The official JSON conformance suite of protobuf; needs npm
	$(BIN)/python -m tests.conformance

lint: $(INSTALLED)  ## Report on style, imports and the contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code --path proto/gateway --path proto/switchyard
	@if git rev-parse --quiet --verify main:buf.yaml >/dev/null 2>&1; then \
		echo "$(BIN)/buf breaking --against '.git#branch=main'"; $(BIN)/buf breaking --against '.git#branch=main'; \
	else echo "buf breaking: skipped, there is no branch main to compare with"; fi

types: $(INSTALLED)  ## Report on types
	$(BIN)/mypy

bench: setup  ## Side-by-side benchmarks; writes benchmarks/results.md
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r deploy/benchmarks.lock
	$(BIN)/python -m benchmarks

run-server: setup  ## The server alone
	@exec $(BIN)/python -m server

run-worker: setup  ## One worker alone
	@exec $(BIN)/switchyard worker

doctor: setup  ## Look at browser, disk, database, queue and ports
	@$(BIN)/switchyard doctor

lock: $(INSTALLED)  ## Resolve the dependencies anew, keeping what still fits
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--prerelease if-necessary-or-explicit --group dev --output-file deploy/requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--constraint deploy/requirements.lock --group benchmarks --output-file deploy/benchmarks.lock
