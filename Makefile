# Shortcuts; each line is what you would type. PYTHON=python3.12 make install chooses the interpreter.
PYTHON ?= python

.PHONY: help install test test-slow lint format demo bench docs ci

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install:  ## install the package for working on it
	$(PYTHON) -m pip install -e '.[dev]'

test:  ## the quick tests
	$(PYTHON) -m pytest

test-slow:  ## the slow tests
	$(PYTHON) -m pytest -m slow

lint:  ## style, and the floors of the house
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
	$(PYTHON) -m pytest tests/test_contributing.py tests/test_papers.py tests/evaluation/test_glossary.py

ci:  ## everything a change must pass, in fresh environments
	.ci/run
