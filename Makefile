# One line each; CI calls `make test`, nothing cleverer.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
CODE   := sdk collector dashboard demo grafana tests
BOARDS := PYTHONPATH=grafana $(BIN)/python -m spanledger_grafana

.DEFAULT_GOAL := help
.PHONY: help demo test check format boards dialects contract bench libraries browser promtool clients screenshots clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Start everything on this machine, with a month of history and live traffic
	$(BIN)/python -m spanledger_demo $(ARGS)

test: check browser promtool clients ## Run the whole suite
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile $(ARGS)

check: $(READY) ## Formatting, lint, types, generated files up to date
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BOARDS) --check
	$(BIN)/python sdk/make_from_schemas.py --check
	$(BIN)/python collector/make_attributes_page.py --check

format: $(READY) ## Put the code into its form
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

boards: $(READY) ## Write the Grafana boards anew
	$(BOARDS)

dialects: $(READY) ## Write the table of docs/dialects.md anew
	PYTHONPATH=tests $(BIN)/python -m collector.pipeline.recorded

contract: $(READY) ## Write anew what is made of schemas/: the SDK's lists, docs/attributes.md
	$(BIN)/python sdk/make_from_schemas.py
	$(BIN)/python collector/make_attributes_page.py

bench: $(READY) ## Print the figures of this machine (about 25 minutes)
	cd tests && for bench in bench/bench_*.py; do ../$(BIN)/python -m bench.$$(basename $$bench .py) || exit 1; done

libraries: ## Try each client library in an environment of its own (some minutes)
	$(PYTHON) tests/sdk/try_library.py $(ARGS)

screenshots: $(READY) browser ## Take the pictures of docs/screenshots anew, of the demo (3 minutes)
	$(BIN)/python -m pytest tests/docs_screenshots.py

browser: # Chromium for the browser tests, where it can be had; they say so and are left out where it cannot
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| echo "No chromium here, and it could not be installed: the browser tests will be skipped."

promtool: # Prometheus' own tester of rules, likewise
	@command -v promtool >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus >/dev/null; } \
		|| echo "No promtool here, and it could not be installed: the tests of Prometheus' rules will be skipped."

clients: $(READY) # JavaScript's OTLP exporters and ClickHouse client, and a relay of OTLP, likewise
	@$(BIN)/python -m pip install --quiet --no-deps rotel 2>/dev/null || echo "No relay of OTLP here: its tests will be skipped."
	@if ! command -v npm >/dev/null; then \
		echo "No npm here: the tests with JavaScript clients will be skipped."; \
	elif ! cmp -s tests/js/package-lock.json tests/js/node_modules/.installed; then \
		cd tests/js && npm ci --silent && cp package-lock.json node_modules/.installed \
		|| echo "The JavaScript clients could not be installed: their tests will be skipped."; fi

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("spanledger needs Python 3.11 or newer; try make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[openai,anthropic,server,dashboard]' --group dev
	touch $@

clean: ## Remove the environment and the demo's data
	rm -rf $(VENV) .data
