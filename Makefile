# What can be done here. `make run` and `make test` set up what they need; a second run finds it done.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
IDE := .venv-ide
IDE_INSTALLED := $(IDE)/.installed
export PYTHON
TESTS := test test-unit test-integration test-postgres test-end-to-end test-clients
# Hundreds of processes are started in tests, and none of them may have to compile what another one has.
$(TESTS): export PYTHONDONTWRITEBYTECODE =
# They make files by the ten thousand, none of which has to survive a loss of power: in memory, where there are 4 GiB.
IN_MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4194304 { print $$6 }')
$(TESTS): export TMPDIR := $(or $(TMPDIR),$(IN_MEMORY))

.DEFAULT_GOAL := help
.PHONY: help run setup clean generate generate-check format check test test-unit test-integration test-postgres \
	test-end-to-end test-clients test-comfyui comfyui ruby fuzz fuzz-openapi conformance lint types bench docs \
	docs-serve run-server run-worker doctor lock

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: setup  ## Set up if needed, start everything; Ctrl-C stops it
	@exec $(BIN)/python -m server.cli.installation.up

setup: $(INSTALLED) $(IDE_INSTALLED)  ## Install what is locked, compile the codec, and get a Chromium if none is found
	@$(BIN)/python -m gateway.codec.native
	@$(BIN)/python -m workers.chromium --install

# Written last, so that a setup that broke off is done again.
$(INSTALLED): deploy/requirements.lock deploy/installer.lock deploy/install.sh pyproject.toml
	@sh deploy/install.sh
	@touch $@

# As above. It has a virtual environment of its own, as its packages are not ours.
$(IDE_INSTALLED): deploy/ide.lock deploy/install-ide.sh | $(INSTALLED)
	@sh deploy/install-ide.sh
	@touch $@

clean:  ## Remove what setup and the tools made; data/ stays
	rm -rf $(VENV) $(IDE) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

generate: $(INSTALLED)  ## Rebuild generated/ from proto/ and clients/, of LANGUAGES, or of all whose tools are there
	$(BIN)/python proto/generate.py $(LANGUAGES)

generate-check: $(INSTALLED)  ## Fail if `make generate` would change anything
	$(BIN)/python proto/generate.py --check

format: $(INSTALLED)  ## Rewrite files in place
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write --path proto/gateway --path proto/switchyard

check: lint types test generate-check  ## What a change must pass

# In the order of the folders, as what takes longest stands first and would be waited for at the end.
test: setup comfyui ruby  ## The whole suite, on all cores
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 40

test-unit: $(INSTALLED)  ## Tests that need nothing running
	$(BIN)/python -m pytest tests/unit

test-integration: setup comfyui  ## Tests with a store, or a server in process
	$(BIN)/python -m pytest tests/integration

# What runs over both by itself runs over Postgres only; what is about SQLite is left out.
test-postgres: setup comfyui  ## The integration tests over Postgres alone
	TEST_DATABASE=postgresql $(BIN)/python -m pytest --numprocesses auto --dist loadfile tests/integration -k "not sqlite"

test-end-to-end: setup comfyui  ## Tests with everything as real processes
	$(BIN)/python -m pytest tests/end_to_end

test-clients: setup ruby  ## The example of each language, built with its own tools, against a started system
	$(BIN)/python -m pytest tests/clients

test-comfyui: setup comfyui  ## Sessions at a real ComfyUI: COMFYUI_DIR, a checkout to start, or COMFYUI_URL, one that runs
	$(BIN)/python -m tests.comfyui.real
	$(BIN)/python -m pytest tests/comfyui tests/end_to_end/test_real_comfyui.py

comfyui: $(INSTALLED)  ## Fetch ComfyUI's front end, and an nginx where there is none, for the tests
	@$(BIN)/python -m tests.comfyui.install

ruby: $(INSTALLED)  ## Fetch Ruby and its gems where there are none, for the tests of the clients
	@$(BIN)/python -m tests.clients.install

fuzz: setup  ## Generated requests at the gateway, FUZZ_SECONDS (600) long
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} FUZZ_SEED=$${FUZZ_SEED:-$$(date +%s)} $(BIN)/python -m pytest tests/integration/gateway/fuzz

fuzz-openapi: setup  ## Generated requests at the whole API, OPENAPI_EXAMPLES (50) per operation and phase
	OPENAPI_EXAMPLES=$${OPENAPI_EXAMPLES:-50} $(BIN)/python -m pytest tests/end_to_end/test_openapi_conformance.py

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
	@# Apart, as beside these modules lie Google's files, which would be taken for its Python package.
	MYPYPATH=proto $(BIN)/mypy --cache-dir .mypy_cache/proto proto
	cd generated/python && $(CURDIR)/$(BIN)/mypy --cache-dir $(CURDIR)/.mypy_cache/client

bench: setup  ## Side-by-side benchmarks; writes benchmarks/results.md
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r deploy/benchmarks.lock
	$(BIN)/python -m benchmarks

docs: $(INSTALLED)  ## The pages as a site, in .cache/site; a dead link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --config-file .mkdocs.yml

docs-serve: $(INSTALLED)  ## The same at http://127.0.0.1:8001, made anew at each change
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --config-file .mkdocs.yml --dev-addr 127.0.0.1:8001

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
		--constraint deploy/requirements.lock --group image --output-file deploy/image.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--constraint deploy/requirements.lock --group benchmarks --output-file deploy/benchmarks.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--group ide --override deploy/ide-overrides.txt --output-file deploy/ide.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		--prerelease if-necessary-or-explicit --constraint deploy/requirements.lock --group betterproto \
		--output-file deploy/betterproto.lock
