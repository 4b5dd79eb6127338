# Every target does its own set-up, in .venv, on a machine with nothing but Python 3.11 or newer and make.
# `make demo` and `make test` are all that a newcomer needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests wait for sandboxes, servers and a browser a third of their time: two processes more than there are cores, and in
# each of them one thread.
PROCESSES = $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 2)')

.PHONY: demo test build site bench lint clean

demo: $(READY) ## run a unit, grade a class of sample submissions, write demo/report.html
	$(BIN)/course build
	$(BIN)/python -m course.demo

test: $(READY) lint ## all tests
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

build: $(READY) ## source/ and release/ from the units' texts
	$(BIN)/course build

site: $(READY) ## the course as a website in site/
	$(BIN)/course site

bench: $(READY) ## how fast it is, beside the goals: takes long; each line can be run alone
	mkdir -p runs/bench
	$(BIN)/python tests/bench/start.py --notebooks all --out runs --json runs/bench/start.json
	$(BIN)/python tests/bench/ladder.py --students 8 32 100 300 --dask --nbgrader 8 --json runs/bench/ladder.json
	$(BIN)/python tests/bench/simulation.py runs/bench/ladder.json --json runs/bench/simulation.json
	$(BIN)/python tests/bench/grading.py --students 8 --languages intent --json runs/bench/languages.json
	$(BIN)/python tests/bench/database.py --json runs/bench/database.json
	$(BIN)/python tests/bench/overload.py --minutes 30 --json runs/bench/overload.json
	$(BIN)/python tests/bench/inference.py --json runs/bench/inference.json
	$(BIN)/python tests/bench/training.py --json runs/bench/training.json

lint: $(READY) ## style of the code, and whether built files are what the texts make
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/course messages --check
	$(BIN)/course build --check

clean: ## remove what the targets made
	rm -rf $(VENV) demo runs site

$(READY): pyproject.toml course/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another with make PYTHON=…") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[offline,demo]' --editable './course[site,test]'
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true  # on all processors, where pip takes one; its templates fail
	@touch $@
