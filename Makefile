# Two commands on a machine with Python 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types architecture bench soak format schema clean

demo: .venv/ready
	@$(BIN)/actions-engine demo

test: .venv/ready
	$(BIN)/python -m pytest -n auto --dist worksteal $(MEASURED)

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/ready
	$(BIN)/mypy
	$(BIN)/basedpyright

architecture: .venv/ready
	$(BIN)/lint-imports

bench: .venv/ready
	$(BIN)/uv sync --frozen --quiet --group bench
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.delivering
	$(BIN)/python -m tests.bench.sql_rows

# About half an hour: the long versions of what proves delivery, and odd events by the hundred thousand.
soak: .venv/ready
	$(BIN)/python -m tests.soak

format: .venv/ready
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

schema: .venv/ready
	$(BIN)/actions-engine schema --output mappings/schema.json

clean:
	rm -rf .venv dist

# uv installs what uv.lock says; pip only brings uv.
.venv/ready: pyproject.toml uv.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --frozen --quiet --inexact
	@touch .venv/ready
