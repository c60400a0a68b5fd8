# The two commands of the README are `make playground` and `make test`; each stands alone on a fresh clone.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install playground test lint types doors requirements bench clean readme screenshots migration

install: .venv/installed

.venv/installed: requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Dailies needs Python 3.11 or newer; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

playground: install
	$(BIN)/dailies playground

test: install lint types
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

# Each way in, tried as a stranger would: the wheel in an empty environment, the image's own steps.
doors: install
	$(BIN)/python -m pytest -m doors tests/doors

bench: install
	$(BIN)/python -m tests.bench

# Rewrites the pinned files from pyproject.toml: every version and hash, and no index's address.
requirements: install
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --universal --output-file requirements.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.11 --universal --extra dev --output-file requirements-dev.txt pyproject.toml

# The pictures of the README. They are never taken by hand.
screenshots: install
	$(BIN)/python -m tests.screenshots docs

# Rewrites the README's section about providers from their own data.
readme: install
	$(BIN)/python -m tests.readme

# Writes down the hashes of new migrations. What has landed is never edited.
migration: install
	$(BIN)/python -m tests.landed

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache
