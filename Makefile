# `make demo` and `make test` do all the set-up themselves. PYTHON chooses the interpreter, 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
CHOICE ?= examples/pictures/summer-palace.jpg swirling-night

.PHONY: demo test test-all lint benchmark clean
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/impasto paint $(CHOICE) -o out/demo.png --animate out/demo.gif
	@echo "The painting is $(CURDIR)/out/demo.png, and out/demo.gif shows how it came about."

test: .venv/dev lint
	$(BIN)/python -m pytest -m "not slow"

test-all: .venv/dev lint
	$(BIN)/python -m pytest

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: .venv/dev
	$(BIN)/python -m benchmarks.paint

clean:
	rm -rf .venv out

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@mkdir -p out && touch $@

.venv/dev: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
