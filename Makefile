# make demo       everything a newcomer needs: environment, models, the example manual, three answers
# make test       what must hold before a change lands: lint, types, import order, docs, tests
# make test-slow  tests that run for minutes or against peers (llama.cpp, sentence-transformers)
# make install-check   a fresh install without extras: wheels only, its size, no torch
# make docs       write the generated parts of the docs again; make transcript: the README's transcript

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .bench-venv
BIN := $(VENV)/bin
DEMO_KB := .demo/kb
# Two at a time: most tests keep one core busy. Those against peers are minutes of both cores, one by one.
PYTEST_FLAGS := -q $(if $(CI),-p scripts.fail_on_skip)
AT_ONCE := -n 2 --dist worksteal
# Quiet: only errors. The registry, its mirrors and caches are whatever this machine's pip is set to.
PIP := -m pip --disable-pip-version-check install -qq
# Packages of this repository that are installed and tested with it.
CONNECTORS := $(patsubst %/pyproject.toml,%,$(wildcard connectors/*/pyproject.toml))
# Those whose engine pip has to compile: the engine is installed beside the peers alone.
COMPILED := connectors/llama_cpp
INSTALL_PACKAGES := -e examples/plugin_sentence_chunker $(addprefix -e ,$(filter-out $(COMPILED),$(CONNECTORS)))
DOCS := README.md $(wildcard docs/*.md)

.DELETE_ON_ERROR:
.PHONY: demo test check test-slow install-check models docs transcript format clean

demo: $(VENV)/.installed
	@echo "== models (fetched once, then kept on this device)"
	@$(BIN)/ragedge models pull
	@echo "== the example manual"
	@$(BIN)/ragedge demo examples/automotive_manual/manual.pdf --kb $(DEMO_KB) \
		--question "What is the tightening torque for the wheel nuts?" \
		--question "Which fuse protects the horn?" \
		--question "What is the towing capacity of the moon buggy?"
	@echo "Yours: $(BIN)/ragedge ingest manual.pdf, then $(BIN)/ragedge ask \"...\""

test: check models
	@echo "== tests"
	@$(BIN)/python -m pytest $(PYTEST_FLAGS) $(AT_ONCE)

check: $(VENV)/.dev
	@echo "== format and lint"
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/ruff check --quiet .
	@echo "== types"
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/mypy --no-error-summary --strict tests/typing_public.py
	@$(BIN)/mypy --no-error-summary --strict $(foreach c,$(CONNECTORS),$(wildcard $(c)/ragedge_*))
	@echo "== import order"
	@$(BIN)/lint-imports > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	@echo "== generated parts of the docs"
	@$(BIN)/cog --check -P -I scripts $(DOCS) > $(VENV)/cog.log || { cat $(VENV)/cog.log; echo "run: make docs"; exit 1; }

models: $(VENV)/.dev
	@echo "== models"
	@$(BIN)/ragedge models pull

test-slow: $(BENCH_VENV)/.installed
	@echo "== models"
	@$(BENCH_VENV)/bin/ragedge models pull
	@echo "== slow tests"
	@$(BENCH_VENV)/bin/python -m pytest $(PYTEST_FLAGS) -m slow

install-check:
	@$(PYTHON) scripts/check_install.py

docs: $(VENV)/.dev
	@$(BIN)/cog -r -P -I scripts $(DOCS)

transcript: models
	@$(BIN)/python scripts/transcript.py --write

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

clean:
	rm -rf $(VENV) $(BENCH_VENV) .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ragedge needs Python 3.11 or later; run: make PYTHON=python3.12")'
	@echo "== environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "== installing ragedge"
	@$(BIN)/python $(PIP) -e .
	@touch $@

# Dependency groups need pip 25.1.
$(VENV)/.dev: pyproject.toml $(addsuffix /pyproject.toml,$(CONNECTORS)) $(VENV)/.installed
	@echo "== installing the development tools"
	@$(BIN)/python $(PIP) "pip>=25.1"
	@$(BIN)/python $(PIP) --group dev $(INSTALL_PACKAGES)
	@$(BIN)/python $(PIP) --no-deps $(addprefix -e ,$(COMPILED))
	@touch $@

# llama.cpp is built here, for this processor: its published builds leave out instructions it is fastest with.
$(BENCH_VENV)/.installed: pyproject.toml $(addsuffix /pyproject.toml,$(CONNECTORS))
	@echo "== installing the peers in $(BENCH_VENV) (llama.cpp is compiled: minutes)"
	@$(PYTHON) -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python $(PIP) "pip>=25.1"
	@$(BENCH_VENV)/bin/python $(PIP) torch==2.13.0
	@CMAKE_ARGS="-DGGML_NATIVE=ON" $(BENCH_VENV)/bin/python $(PIP) --no-binary llama-cpp-python \
		--group dev --group bench -e . $(INSTALL_PACKAGES) $(addprefix -e ,$(COMPILED))
	@touch $@
