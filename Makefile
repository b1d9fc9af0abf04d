# Every target sets up .venv first if it has to; `make help` lists them.
# Variables: PYTHON (interpreter for .venv), JOBS (test processes), FUZZ (examples in a fuzz run), MUTANTS (faults in a
# mutant run), SYNTHESIS (networks in a synthesis run), ARGS (passed on).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

JOBS ?= 2
FUZZ ?= 300
MUTANTS ?= 500
SYNTHESIS ?= 20
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin/python
# A process that has nothing left takes tests from the others.
PYTEST := $(RUN) -m pytest -n $(JOBS) --dist worksteal
READY := $(VENV)/ready

export PYTHON

##@ Use
.PHONY: help
help: ## this table
	@awk 'BEGIN { FS = ":.*## "; printf "make TARGET\n" } \
	    /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  %-10s  %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables\n'
	@printf '  %-10s  %s\n' \
	    PYTHON 'interpreter for .venv (found by itself: 3.13, 3.12 or 3.11)' \
	    JOBS 'test processes at a time ($(JOBS))' \
	    FUZZ 'random models in a fuzz run ($(FUZZ))' \
	    MUTANTS 'faults in a mutant run ($(MUTANTS))' \
	    SYNTHESIS 'random networks in a synthesis run ($(SYNTHESIS))' \
	    ARGS 'passed on to the demo, the tests or the benchmarks'

.PHONY: demo
demo: $(READY) ## a pruned, quantized model from training to a proven datapath
	@$(RUN) examples/demo.py $(ARGS)

.PHONY: test
test: $(READY) ## the tests
	@$(PYTEST) $(ARGS)

.PHONY: bench
bench: $(READY) ## every published figure, measured again
	@$(RUN) benchmarks/run.py $(ARGS)

.PHONY: bench-luts
bench-luts: $(READY) ## LUTs of sparse matrices beside those of peers (extra peers); ARGS=--quick for two cases
	@$(RUN) benchmarks/luts.py $(ARGS)

.PHONY: calibrate
calibrate: $(READY) ## what the estimate in LUTs is off by, against Yosys, and its coefficients fitted again
	@$(RUN) benchmarks/calibrate.py --jobs $(JOBS) $(ARGS)

##@ Develop
.PHONY: setup
setup: $(READY) ## the virtual environment .venv, and nothing else

.PHONY: check
check: format-check lint types floors test ## what CI asks: format, lint, types, floors, tests with docs

.PHONY: format
format: $(READY) ## rewrite the code in the house format
	@$(RUN) -m ruff format
	@$(RUN) -m ruff check --fix --select I

.PHONY: format-check
format-check: $(READY)
	@$(RUN) -m ruff format --check

.PHONY: lint
lint: $(READY) ## ruff
	@$(RUN) -m ruff check

.PHONY: types
types: $(READY) ## mypy --strict on the package
	@$(RUN) -m mypy

.PHONY: floors
floors: $(READY) ## import-linter: each floor imports only from below
	@$(VENV)/bin/lint-imports

.PHONY: docs
docs: $(READY) ## the documentation's tests: links, commands, examples
	@$(RUN) -m pytest tests/unit/test_docs.py $(ARGS)

.PHONY: golden
golden: $(READY) ## rewrite the golden files from today's output; read the diff before committing
	@$(RUN) -m pytest tests/golden --update-golden $(ARGS)

.PHONY: fuzz
fuzz: $(READY) ## hundreds of random models, bit by bit; FUZZ=1000 for more
	@HWGEN_FUZZ=$(FUZZ) $(PYTEST) -m fuzz $(ARGS)

.PHONY: mutants
mutants: $(READY) ## hundreds of faults in generated Verilog and C++, each put before hwgen verify
	@PYTHONPATH=tests $(RUN) benchmarks/mutants.py --count $(MUTANTS) $(ARGS)

.PHONY: synthesis
synthesis: $(READY) ## netlists that Yosys makes of random networks, simulated; SYNTHESIS=40 for more
	@HWGEN_SYNTHESIS=$(SYNTHESIS) $(PYTEST) -m synthesis tests/tools/test_rtl_synthesis.py $(ARGS)

.PHONY: wheel
wheel: $(READY) ## dist/hwgen-*.whl and the source distribution
	@$(RUN) -m build

.PHONY: clean
clean: ## remove what builds, tests and the demo leave; .venv stays
	rm -rf build dist demo site sim_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find hwgen tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## clean, and .venv too
	rm -rf $(VENV)

# Set-up, when pyproject.toml changed. With PYTHON given it also runs to see that .venv is of that version.
$(READY): pyproject.toml $(if $(PYTHON),always)
	@sh scripts/setup.sh

.PHONY: always
always:
