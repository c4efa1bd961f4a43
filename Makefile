# Everything a contributor runs. `make help` lists it.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?= --source synthetic --duration 2m
ROUNDS ?= 0
KILLS  ?= 50
CASES  ?= 10000000

SOURCES := libs services research cli
CHECKED := $(wildcard $(SOURCES) bench faults tests tools)

.DEFAULT_GOAL := help
.PHONY: help env dev-env paper image faults month simulate fuzz test test-unit check format-check lint types imports schema-drift settings-drift budgets \
        format schemas bench bench-peers lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Environment -------------------------------------------------------------------------------------
# Stamps make a second call free. uv installs the hashed lock in a fifth of pip's time; where it cannot
# (an index that only pip's configuration knows, say) pip installs the same lock. Everything is compiled:
# a session starts eight processes, and each would compile what it imports where caches cannot be written.

INSTALL = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(1) || $(BIN)/python -m pip install --quiet $(1)

INSTALL_PEERS = $(BIN)/uv pip install --quiet --compile-bytecode --python build/peers/bin/python $(1) || \
                build/peers/bin/python -m pip install --quiet $(1)

env: $(VENV)/.stamp-project ## Create .venv with what Penstock needs to run

dev-env: $(VENV)/.stamp-dev ## The same, with what its tests and checks need

$(VENV)/.stamp-venv: tools/bootstrap.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/bootstrap.lock
	@touch $@

$(VENV)/.stamp-runtime: requirements.lock $(VENV)/.stamp-venv
	$(call INSTALL,--require-hashes -r requirements.lock)
	@touch $@

$(VENV)/.stamp-project: pyproject.toml $(VENV)/.stamp-runtime
	$(call INSTALL,--no-deps --no-build-isolation --editable .)
	$(BIN)/python -m compileall -q $(SOURCES)
	@touch $@

$(VENV)/.stamp-dev: requirements-dev.lock $(VENV)/.stamp-project
	$(call INSTALL,--require-hashes -r requirements-dev.lock)
	@touch $@

# --- Run ---------------------------------------------------------------------------------------------

paper: env ## Trade on paper; ARGS="--source synthetic --duration 2m"
	$(BIN)/penstock paper $(ARGS)

image: ## Build the container image; IMAGE_ARGS=--network=host where a build has no network of its own
	docker build --file deploy/Dockerfile --tag penstock $(IMAGE_ARGS) .

bench: dev-env ## Measure; the results are written below bench/
	$(BIN)/python -m bench $(BENCH_ARGS)

bench-peers: dev-env build/peers/.stamp ## Measure beside other engines, which are installed below build/ for that alone
	$(BIN)/python -m bench.peers $(BENCH_ARGS)

build/peers/.stamp: bench/peers/requirements.lock $(VENV)/.stamp-venv
	$(PYTHON) -m venv build/peers
	$(call INSTALL_PEERS,--require-hashes -r bench/peers/requirements.lock)
	@touch $@

# --- Test and check ----------------------------------------------------------------------------------

# Many tests wait for a session's clock, so two at a time. The harness of faults measures, and runs alone; so do
# containers, whose networks come and go under a browser's feet.
test: dev-env ## Run every test
	$(BIN)/python -m pytest -ra -n 2 --dist loadfile --ignore tests/faults --ignore tests/containers $(TEST_ARGS)
	$(BIN)/python -m pytest -ra tests/containers $(TEST_ARGS)
	$(BIN)/python -m pytest -ra tests/faults $(TEST_ARGS)

faults: dev-env ## Kill, cut off, fill up; ROUNDS=300 random kills, without: every fault once
	$(BIN)/python -m faults --rounds $(ROUNDS) $(FAULTS_ARGS)

month: dev-env ## FILE of bars in every topology, and with KILLS=50 random kills: one fills_hash must come out
	$(BIN)/python -m faults.month $(FILE) --kills $(KILLS) $(MONTH_ARGS)

simulate: dev-env ## Sessions with seeded faults in one process; SEEDS=10000 of them
	PYTHONPATH=tests $(BIN)/python -m simulation --seeds $(SEEDS) $(SIMULATE_ARGS)

fuzz: dev-env ## Every decoder, guided by what each case reaches; CASES=10000000 of them
	$(call INSTALL,--require-hashes -r tools/fuzz.lock)
	PYTHONPATH=tests $(BIN)/python -m fuzz --cases $(CASES) $(FUZZ_ARGS)

test-unit: dev-env ## Run the tests that need no server
	$(BIN)/python -m pytest -ra -m "not servers" tests/unit tests/architecture $(TEST_ARGS)

check: format-check lint types imports schema-drift settings-drift budgets ## Everything that reads the code without running it

format-check: dev-env
	$(BIN)/ruff format --check $(CHECKED)

lint: dev-env
	$(BIN)/ruff check $(CHECKED)

types: dev-env
	$(BIN)/mypy

imports: dev-env
	$(BIN)/lint-imports

schema-drift: dev-env
	$(BIN)/python -m penstock_contracts.schemas --check

settings-drift: dev-env
	$(BIN)/python -m penstock.config.reference docs/configuration.md --check

budgets: dev-env
	$(BIN)/python tools/budgets.py $(SOURCES)

format: dev-env ## Format, and mend what the linter can mend
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/ruff check --fix $(CHECKED)

schemas: dev-env ## Write the JSON Schemas of all messages
	$(BIN)/python -m penstock_contracts.schemas

settings: dev-env ## Write the reference of all settings
	$(BIN)/python -m penstock.config.reference docs/configuration.md

# --- Maintain ----------------------------------------------------------------------------------------

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
          --no-emit-index-url --no-annotate --no-header $(LOCK_ARGS)

lock: $(VENV)/.stamp-venv ## Renew the locks; LOCK_ARGS=--upgrade takes newer versions
	$(COMPILE) --extra research --extra alerts pyproject.toml requirements.in --output-file requirements.lock
	$(COMPILE) --group dev --extra research --extra alerts --extra cluster --constraint requirements.lock pyproject.toml requirements.in \
	    --output-file requirements-dev.lock
	$(COMPILE) --constraint requirements-dev.lock tools/bootstrap.in --output-file tools/bootstrap.lock
	$(COMPILE) tools/fuzz.in --output-file tools/fuzz.lock
	$(COMPILE) bench/peers/requirements.in --output-file bench/peers/requirements.lock
	$(COMPILE) --constraint requirements.lock pyproject.toml requirements.in --output-file deploy/requirements.lock

clean: ## Remove the environment, builds and caches
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +
