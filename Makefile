# Shortcuts; each line is what you would type. PYTHON=python3.12 make install chooses the interpreter.
PYTHON ?= python

.PHONY: help install test test-ci test-long test-newest lint format demo bench docs ci

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install:  ## install the package for working on it
	$(PYTHON) -m pip install -e '.[dev]'

test:  ## the quick tests, in minutes
	$(PYTHON) -m pytest

test-ci:  ## the tests that start programs, train arms or draw many examples
	$(PYTHON) -m pytest --hypothesis-profile=ci -m "(ci or parity or hypothesis) and not long"

test-long:  ## the tests that take minutes each (docs/long_runs.md)
	$(PYTHON) -m pytest -m long -s

test-newest:  ## every test but parity, on the newest Python with the newest jax, in a fresh environment
	.ci/run --newest

lint:  ## style and import layers
	$(PYTHON) -m ruff check .
	lint-imports

format:  ## mend what can be mended by machine
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

demo:  ## five arms on the embedded model, and their report
	$(PYTHON) -m alignment.ablate --config=configs/demo.py --workdir=runs/demo

bench:  ## an update beside the plain path (docs/performance.md)
	$(PYTHON) -m alignment.bench --suite=update --against=plain

docs:  ## hold the documents to the code
	$(PYTHON) -m pytest tests/test_contributing.py tests/test_papers.py tests/test_docs.py tests/test_metric_schema.py tests/test_configuration_page.py

ci:  ## everything a change must pass, in fresh environments
	.ci/run
