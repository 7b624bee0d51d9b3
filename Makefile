# make demo: see the whole pipeline in a minute; make smoke MIRROR=folder: really train all
# implementations on a CPU; make smoke-today: the same of today's; make smoke-detectors: of
# detectors; make smoke-tokens: of trainers of language models; make test: the whole test suite
# from nothing; make test-fast: the tests to run while one works, in less than a minute; make docs:
# the documentation's site.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo smoke smoke-today smoke-detectors smoke-tokens test test-fast coverage damage docs bench fuzz clean

demo: $(VENV)/.installed
	$(BIN)/mrbench run --suite demo
	$(BIN)/mrbench table --suite demo

# MIRROR: a folder made by `mrbench mirror create`, or one of git repositories laid out owner/name.
MIRRORED = $(if $(MIRROR),--mirror $(MIRROR))
# Train a suite, with these options, and print its table whatever became of it.
train = status=0; $(BIN)/mrbench run --suite $(1) $(2) || status=$$?; \
	$(BIN)/mrbench table --suite $(1) && exit $$status

smoke: $(VENV)/.installed
	$(call train,smoke,$(MIRRORED))

# Today's implementations; MIRROR as above. Needs Python 3.12, and a C++ compiler.
smoke-today: $(VENV)/.installed
	$(call train,today-smoke,$(MIRRORED))

# Detectors that people choose between, from PyPI alone. Needs Python 3.12.
smoke-detectors: $(VENV)/.installed
	$(call train,detectors-smoke)

# The trainers of language models; MIRROR as above. Needs Python 3.12.
smoke-tokens: $(VENV)/.installed
	$(call train,tokens-smoke,$(MIRRORED))

# Tests at once: one more than there are cores, since many wait for programs of others.
JOBS = $(shell expr $$(nproc) + 1)
PYTEST = $(BIN)/python -m pytest -n $(JOBS)

test: $(VENV)/.dev
	@$(BIN)/python tests/needs.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

test-fast: JOBS = $(shell nproc)
test-fast: $(VENV)/.dev
	$(BIN)/ruff check -q .
	$(PYTEST) -q -m "not (docker or slurm or browser or slow)"

coverage: $(VENV)/.dev
	$(PYTEST) --cov=mrbench --cov-report=term-missing:skip-covered

# One value of a record, plan, telemetry line and baseline damaged at random, TIMES times each, and
# read by every command; takes half an hour.
TIMES := 2000
damage: $(VENV)/.dev
	MRBENCH_DAMAGE=$(TIMES) $(BIN)/python -m pytest -q tests/test_damage.py

# The site, into site/; dead links and anchors fail.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo site/index.html

# Needs hyperfine.
bench: $(VENV)/.bench
	$(BIN)/python tests/bench

# SECONDS: for all targets together; TARGETS: names, or all.
SECONDS := 300
fuzz: $(VENV)/.fuzz
	$(BIN)/python tests/fuzz/fuzz.py --seconds $(SECONDS) $(TARGETS)

clean:
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --editable .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --progress-bar off --editable '.[dev]'
	touch $@ $(VENV)/.installed

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --progress-bar off --editable '.[docs]'
	touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --progress-bar off --editable '.[bench]'
	touch $@

$(VENV)/.fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --progress-bar off --editable '.[fuzz]'
	touch $@
