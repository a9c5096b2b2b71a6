# `make demo` and `make test` do all the set-up themselves. PYTHON chooses the interpreter, 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
CHOICE ?= examples/pictures/summer-palace.jpg swirling-night

.PHONY: demo test test-all lint docs benchmark tools lock audit sbom dist clean
.DELETE_ON_ERROR:

demo: .venv/installed
	$(BIN)/impasto paint $(CHOICE) -o out/demo.png --animate out/demo.gif
	@echo "The painting is $(CURDIR)/out/demo.png, and out/demo.gif shows how it came about."

# a file of tests on each core at a time: threads of their own would get in one another's way
PARALLEL := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --max-worker-restart 3 --dist loadfile --no-loadscope-reorder

test: .venv/dev lint
	$(PARALLEL) -m "not slow"

test-all: .venv/dev lint
	$(PARALLEL)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# the documentation, offline from out/site/index.html; `-m mkdocs serve` shows it while it is written
docs: .venv/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

benchmark: .venv/dev
	$(BIN)/python -m benchmarks.paint

# the supply chain, by tools of their own, each file of which is compared with its hash: see RELEASING.md
tools: .venv/tools/installed

lock: .venv/tools/installed
	.venv/tools/bin/python requirements/lock.py $(if $(UPGRADE),--upgrade)

audit: .venv/tools/installed
	.venv/tools/bin/pip-audit --no-deps --disable-pip --strict $(addprefix --requirement requirements/,torch.lock dev.lock)

sbom: .venv/dev .venv/tools/installed
	.venv/tools/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --mc-type library \
		--output-reproducible --validate --output-file out/sbom.json
	@echo "The bill of materials of .venv is $(CURDIR)/out/sbom.json."

dist: .venv/tools/installed
	.venv/tools/bin/python -m build --no-isolation --outdir out/dist

clean:
	rm -rf .venv out

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@mkdir -p out && touch $@

.venv/tools/installed: requirements/tools.lock | .venv/bin/python
	$(BIN)/python -m venv .venv/tools
	.venv/tools/bin/python -m pip install --quiet --require-hashes --no-deps --requirement $<
	@touch $@

.venv/dev: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
