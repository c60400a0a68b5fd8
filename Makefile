# The two commands of the README are `make playground` and `make test`; each stands alone on a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
# Many tests wait for something: seven at a time keep two cores at work.
WORKERS ?= 7
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
SEED ?=
SHARE ?= 1
ONLY ?=

.DEFAULT_GOAL := help
.PHONY: help install playground test long browser check looks page doors fmt lint types prove mutants fire bench requirements documents screenshots migration sbom clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/installed ## make .venv, with everything pinned

# The tests are collected once here, which compiles them: workers that start together would each do
# it. A test file that cannot be collected stops no installation; the tests themselves say so.
.venv/installed: requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Dailies needs Python 3.11 or newer; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m pytest --collect-only -q >/dev/null || true
	touch $@

playground: install ## open a Discord on this machine with the bot in it
	$(BIN)/dailies playground

test: looks ## lint, types and the tests
	$(PYTEST)

long: install ## the tests that `make test` leaves out because they take long; CI runs them
	$(PYTEST) -m long

browser: install ## the playground's page in a real Chromium; a part of `make long`
	$(PYTEST) -m browser

# Fast tests wait for nothing: to begin more than four at a time costs more than it gains.
check: WORKERS := 4
check: looks ## lint, types and the fast tests: what to run after each change
	$(PYTEST) -m "not slow and not browser and not prove and not doors and not long"

# What reads the code and does not run it, side by side.
looks: install
	@$(MAKE) --no-print-directory -j 3 lint types page

fmt: install ## format the code, and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lint: install ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## mypy
	$(BIN)/mypy

# The page's JavaScript: linted, typed and tested where npm is there; always in CI.
page: ## lint, type-check and test the page's JavaScript
	@if command -v npm >/dev/null; then \
		{ [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; } && npm run --silent lint && npm run --silent types && npm test --silent; \
	elif [ -n "$$CI" ]; then \
		echo "The page's JavaScript cannot be checked: npm is not there." >&2; exit 1; \
	else \
		echo "The page's JavaScript is not checked: npm is not there."; \
	fi

# Each way in, tried as a stranger would: the wheel in an empty environment, the image's own steps.
doors: install ## go through each way in as a stranger would
	$(BIN)/python -m pytest -m doors tests/doors

prove: install ## repeat the proofs, and write docs/proofs.md (SEED=1 repeats, SHARE=0.3 does less, ONLY=file)
	DAILIES_PROVE_SHARE=$(SHARE) DAILIES_PROVE_ONLY="$(ONLY)" $(BIN)/python -m tools.prove prove $(SEED)

fire: install ## try to break every promise in full: 20,000 kills and more; as `make prove` otherwise
	DAILIES_PROVE_SHARE=$(SHARE) DAILIES_PROVE_ONLY="$(ONLY)" $(BIN)/python -m tools.prove fire $(SEED)

# Without this the zeros of the proofs mean nothing. Some twenty minutes on two cores.
mutants: install ## write each seeded bug into a copy, run its tests, and write docs/mutants.md
	$(BIN)/python -m tools.mutants

bench: install ## measure what the design counts on, and write docs/performance.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/bench/requirements.txt
	$(BIN)/python -m tests.bench

requirements: install ## rewrite the pinned files: every version and hash, and no index's address
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --universal --extra postgresql --output-file requirements.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --universal --extra dev --output-file requirements-dev.txt pyproject.toml
	printf 'dbos\nhuey\n' | $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --universal --constraint requirements-dev.txt --output-file tests/bench/requirements.txt -

screenshots: install ## take the pictures of the README, which are never taken by hand
	$(BIN)/python -m tools.screenshots docs

documents: install ## rewrite docs/providers.md and docs/sentences.md from the code
	$(BIN)/python -m tools.documents
	$(BIN)/python -m tools.sentences

migration: install ## write down the hashes of new migrations; what has landed is never edited
	$(BIN)/python -m tools.landed

sbom: install ## write what an image holds of others: a bill of materials and the notices
	$(BIN)/python -m tools.bill sbom

clean: ## delete what the targets made
	rm -rf .venv build sbom *.egg-info .mypy_cache .pytest_cache .ruff_cache
