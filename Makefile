# consilium: `make run` shows a consultation, `make test` proves it. Each does all of its own set-up.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000
RECORD ?= ward-record
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: setup run test check check-style bench docs fit clean
.DEFAULT_GOAL := run

# What it takes to consult and serve.
.venv/.core: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "consilium needs Python 3.11 or newer: apt install python3 python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Python's venv is missing: apt install python3-venv"; exit 1; }
	$(PIP) --editable .
	@touch $@

# What it takes to train, test and check as well.
.venv/.dev: .venv/.core
	$(PIP) --editable '.[dev]'
	@touch $@

setup: .venv/.dev

run: .venv/.core
	$(BIN)/consilium demo --record $(RECORD) --serve --port $(PORT)

test: .venv/.dev
	$(BIN)/python -m pytest -n auto

# Style, types and floors.
check-style: .venv/.dev
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

check: check-style test

fit: .venv/.dev
	$(BIN)/consilium fit breast_mass
	$(BIN)/consilium fit heart_disease --data ../shared/data/uci_heart

# Every figure of the README, some hours in all; one alone is `.venv/bin/python benchmarks/<name>.py`.
TABLES := wdbc heart nhamcs diabetes130 survival physionet2012 physionet2019
IMAGES := breastmnist pneumoniamnist retinamnist breast_ultrasound lidc idrid idrid_lesions
FIGURES := consult attribution abstention recalibration interval label_errors net_benefit fhir_ingest features hospital_scale \
	time_leaks pgx prs vcf_conformance clinvar hgvs acmg sequence imaging_speed imaging_saliency fp_guarantee aces_equal spark_equal

bench: .venv/.dev
	set -e; for set in $(TABLES); do $(BIN)/python benchmarks/accuracy.py --set $$set; done
	set -e; for set in $(IMAGES); do $(BIN)/python benchmarks/imaging_accuracy.py --set $$set; done
	set -e; for name in $(FIGURES); do $(BIN)/python benchmarks/$$name.py; done

# The documents are held against the program, then built into site/.
docs: .venv/.dev
	$(BIN)/python -m pytest tests/test_docs.py
	$(BIN)/zensical build --clean --strict

clean:
	rm -rf .venv $(RECORD) site
