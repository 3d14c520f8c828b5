# Dream.OS metrics stack. `make` alone lists what there is; the work is done by tools/stack.

PYTHON ?= python3
VENV   := .venv/bin
STACK  := $(PYTHON) -m tools.stack
PYTEST_ARGS ?=
# Two workers: most tests wait for processes. Coverage is taken where tests run in one process (make
# unit), and has its floor there; on the whole suite it would cost half of the time again.
PYTEST := $(VENV)/python -m pytest -n 2
COVERAGE = $(if $(PYTEST_ARGS),,--cov)
PROSE = git ls-files -z -- '*.md' ':!tests/fixtures' | xargs -0 $(VENV)/mdformat

.DEFAULT_GOAL := help
.PHONY: help up down status logs reload test-alert test unit fuzz check format lock pins generate bench release venv clean

help:  ## List the commands
	@echo "Dream.OS metrics stack"; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo; echo "  INSTALL=0 make up   never install anything (Docker, Compose, ...)"
	@echo "  ADOPT=1 make up     take over a stack that belongs to another folder"
	@echo "  DIGESTS=0 make up   take images by their tags, whatever digest is pinned"

up:  ## Start the whole stack; install what is missing, wait until healthy, print the addresses
	@$(STACK) up

down:  ## Stop it; data and secrets stay (`python3 -m tools.stack down --volumes` deletes the data)
	@$(STACK) down

status:  ## Each part, each scrape target, each firing alert
	@$(STACK) status

logs:  ## Follow the logs of all parts (SERVICES="metrics grafana" for some)
	@$(STACK) logs $(SERVICES)

reload:  ## Render the configuration again and let Prometheus and Alertmanager read it
	@$(STACK) up

test-alert:  ## A test alert to every receiver: delivered, or why not (RECEIVER=email,slack for some)
	@$(STACK) test-alert $(RECEIVER)

test: venv  ## Every check and every test, the whole stack included
	@$(STACK) ensure
	@$(MAKE) --no-print-directory check
	$(PYTEST) $(PYTEST_ARGS)

fuzz: venv  ## Arbitrary requests for FUZZ_SECONDS (600); what breaks is kept for the tests to replay
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} $(VENV)/python -m tests.fuzz

unit: venv  ## The tests that need no Docker and no waiting: under a minute
	$(PYTEST) $(COVERAGE) tests/unit tests/docs tests/typing $(PYTEST_ARGS)

check: venv  ## Lint, types, shell and prose checks only
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	git grep -lIzE '^#!.*[/ ](ba|da)?sh' | xargs -0 $(VENV)/shellcheck
	$(PROSE) --check

format: venv  ## Format the code, and wrap the prose
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .
	$(PROSE)

lock: venv  ## Refresh the locked requirements
	$(VENV)/python -m tools.lock

pins:  ## Pin the images by the digests of today (TAGS="GRAFANA_IMAGE=12.4.13" for another version)
	@$(STACK) pins $(TAGS)

generate: venv  ## Write again what is generated: dashboards, .env.example
	$(VENV)/python -m tools.dashboards
	$(VENV)/python -m tools.render.example

bench: venv  ## Benchmarks: the library and the service against what people use today
	$(VENV)/python -m benchmarks.client
	$(VENV)/python -m benchmarks.service
	$(VENV)/python -m benchmarks.observer.host
	$(VENV)/python -m benchmarks.observer.workspace

release: venv  ## Tag this commit; wheel, checksums and the list of what is in it, in dist/
	$(VENV)/python -m tools.release

venv:  ## Make the virtual environment .venv as the lock says
	@$(STACK) venv

clean:  ## Remove the virtual environment and caches (not the data, not the secrets)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage dist
