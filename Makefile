# Two commands do all the set-up: `make demo` and `make test`.

PYTHON ?= python3
OUT ?= out/demo
NEWEST = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "livematte needs Python 3.11 or newer; set PYTHON=")'
INSTALL = install --quiet --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint check networks clean help

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/'

demo: .venv-demo/ready ## cut a person out of the example portrait with the bundled model
	@PATH="$(CURDIR)/.venv-demo/bin:$$PATH" sh examples/demo.sh "$(OUT)"

test: .venv-test/ready lint ## lint, types, house rule and all tests
	.venv-test/bin/python -m pytest

lint: .venv-test/ready
	.venv-test/bin/ruff check
	.venv-test/bin/ruff format --check
	.venv-test/bin/mypy
	.venv-test/bin/lint-imports

networks: .venv-test/ready ## count every network's parameters and MACs, as docs/networks.md shows
	.venv-test/bin/python benchmarks/count_networks.py

clean: ## remove the environments and what the demo wrote
	rm -rf .venv-demo .venv-test out

.venv-demo/ready: pyproject.toml constraints.txt $(shell find src -type f -not -name '*.pyc')
	@$(NEWEST)
	@echo 'installing livematte into .venv-demo (a minute) ...'
	@$(PYTHON) -m venv --clear .venv-demo
	@.venv-demo/bin/python -m pip $(INSTALL) .
	@touch $@

.venv-test/ready: pyproject.toml constraints.txt
	@$(NEWEST)
	@echo 'installing livematte and its tests into .venv-test (some minutes) ...'
	@$(PYTHON) -m venv --clear .venv-test
	@.venv-test/bin/python -m pip $(INSTALL) --upgrade pip
	@.venv-test/bin/python -m pip $(INSTALL) --group dev --editable '.[train,litert,pretrained]'
	@touch $@
