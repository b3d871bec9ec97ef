# Needs Python 3.11 or newer, make and git; the rest is installed into .venv.
# `make PYTHON=/some/python ...` uses that environment instead.
.DEFAULT_GOAL := help
.PHONY: help setup demo config check test lint unit fuzz workflow slurm soak soak-night soak-slurm relion interop browser bench bench-pages picture clean

ifndef PYTHON
PYTHON := $(CURDIR)/.venv/bin/python
READY := .venv/ready
endif
BIN := $(patsubst %/,%,$(dir $(shell command -v $(PYTHON) || echo $(PYTHON))))
# The rules call plain `python`: let it be the same one.
export PATH := $(abspath $(BIN)):$(PATH)

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' Makefile

.venv/ready: envs/cpu.txt envs/slurm.txt envs/dev.txt
	@python3 -c 'import sys; sys.version_info < (3, 11) and sys.exit("Python 3.11 or newer is needed; this is %d.%d" % sys.version_info[:2])'
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement envs/dev.txt
	.venv/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

setup: $(READY) ## make .venv, with the picker and snakemake commands

demo: $(READY) ## simulate, train, pick and report into demo/results
	@$(BIN)/snakemake --profile profiles/local --configfile config.yaml --directory demo
	@cat demo/results/summary.txt

config: $(READY) ## write config.yaml from the sections in picker/config
	$(BIN)/python -m picker.config.demo config.yaml

check: lint unit ## style, types, import rules, spelling and unit tests

test: unit workflow ## unit and workflow tests

lint: $(READY) ## all of check but the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/codespell
	$(BIN)/snakemake --lint

unit: $(READY) ## tests of single functions, some minutes
	$(BIN)/python -m pytest tests/unit

fuzz: $(READY) ## 10,000 damaged files for each reader; an hour
	PICKER_FUZZ=10000 $(BIN)/python -m pytest tests/unit/formats/test_fuzz.py \
	    tests/unit/formats/volumes/test_bad_volumes.py -k "fuzz or worse" -o timeout=7200

workflow: $(READY) ## the pipeline end to end on small simulated data
	$(BIN)/python -m pytest tests/workflow

slurm: $(READY) ## a real Slurm on this machine: root, Debian's slurm-wlm and munge
	$(BIN)/python -m pytest tests/slurm -m slurm

soak: $(READY) ## a tiny pipeline killed 100 times at random; 20 minutes
	$(BIN)/python -m tests.workflow.soak 100

soak-night: $(READY) ## the same 1,000 times, at other moments each day
	$(BIN)/python -m tests.workflow.soak 1000 --seed $$(date +%Y%m%d)

soak-slurm: $(READY) ## one pipeline in a real Slurm killed 100 times; an hour
	$(BIN)/python -m tests.slurm.soak 100

relion: $(READY) ## the export against Debian's relion (3.1.3), which must be installed
	$(BIN)/python -m pytest tests/relion -m relion

.venv-interop/ready: envs/copick.txt envs/cryocat.txt envs/libraries.txt envs/napari.txt
	for name in copick libraries napari; do \
	    python3 -m venv .venv-interop/$$name && \
	    .venv-interop/$$name/bin/python -m pip install --quiet \
	        --requirement envs/$$name.txt || exit 1; \
	done
	python3 -m venv .venv-interop/cryocat
	.venv-interop/cryocat/bin/python -m pip install --quiet --no-deps \
	    --requirement envs/cryocat.txt
	@touch $@

interop: $(READY) .venv-interop/ready ## our files in other programs' own libraries
	$(BIN)/python -m pytest tests/relion -m interop

.axe/ready: envs/browser.txt $(READY)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .axe \
	    --requirement envs/browser.txt
	@touch $@

browser: $(READY) .axe/ready ## the report's pages in Debian's chromium and chromium-driver
	$(BIN)/python -m pytest tests/browser -m browser

bench: $(READY) ## this machine's speed and memory, for docs/performance.md; a quarter of an hour
	$(BIN)/python tests/benchmarks/performance.py
	$(BIN)/python tests/benchmarks/performance.py --pages

bench-pages: $(READY) ## the table of docs/performance.md, of docs/performance/*.json
	$(BIN)/python tests/benchmarks/performance.py --pages

picture: $(READY) ## docs/report.webp, a page of the demo; needs `make demo` and chromium
	$(BIN)/python tests/benchmarks/picture.py demo/results/report/tomograms/sim_008.html docs/report.webp

clean: ## remove the environment and caches, no results
	rm -rf .venv .venv-interop .axe .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
	find picker tests -name __pycache__ -prune -exec rm -r {} +
