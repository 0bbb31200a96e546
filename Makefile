# make            set up the environment and run the workflow
# make test       set up the environment and run the tests, but for those that take long
# make test-all   all tests: crashes, caches, documentation, and Slurm and a browser where they are
# make report     run the workflow and put its results into one page, results/report.html
# make plan       print how many runs, how much disk and how much time the workflow will take
# make clean-untracked
#                 list the runs in results/ that no configuration asks for, ask, and remove them
# make benchmark  measure training, probes and the toy engine against what one would write by hand,
#                 and what Snakemake and imports cost
# make gallery    copy the toy's figures into docs/gallery
# make lock       resolve envs/*.in anew
# make reference  write the configuration's schema and documentation page anew
#
# CONFIG names another configuration: make plan CONFIG=workflow/config/paper.yaml

CONFIG ?= config.yaml
PYTHON ?= python3
# Neither make nor a shell expands what these hold: recipes read them from the environment.
override CONFIG := $(value CONFIG)
override PYTHON := $(value PYTHON)
export CONFIG PYTHON
BIN := .venv/bin
INSTALLED := .venv/.installed
SNAKEMAKE := PYTHONPATH=workflow $(BIN)/python -m feature_quality.config.files "$$CONFIG" && $(BIN)/snakemake
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock"

.DEFAULT_GOAL := run
.PHONY: run test test-all report plan benchmark gallery clean-untracked lock reference

run: $(INSTALLED)
	@$(SNAKEMAKE) --configfile "$$CONFIG"

test: $(INSTALLED)
	$(BIN)/pytest -m "not slow"

test-all: test
	$(BIN)/pytest -m slow

report: run
	@$(SNAKEMAKE) --configfile "$$CONFIG" --report results/report.html

plan: $(INSTALLED)
	@$(SNAKEMAKE) plan --quiet rules progress reason host --configfile "$$CONFIG"

benchmark: $(INSTALLED)
	PYTHONPATH=workflow:benchmarks $(BIN)/python benchmarks/image_training.py
	PYTHONPATH=workflow:benchmarks $(BIN)/python benchmarks/probe_fitting.py
	PYTHONPATH=workflow:benchmarks $(BIN)/python benchmarks/toy_engine.py
	PYTHONPATH=workflow $(BIN)/python benchmarks/workflow_overhead.py

gallery: $(INSTALLED)
	$(BIN)/python benchmarks/gallery.py results/figures docs/gallery $(addprefix figure_,01 02 03 04 05 06 07 08 09 10 appendix_d) toy_constants

clean-untracked: $(INSTALLED)
	@PYTHONPATH=workflow $(BIN)/python -m feature_quality.untracked config.yaml workflow/config/*.yaml "$$CONFIG"

lock: $(INSTALLED)
	$(COMPILE) envs/bootstrap.in --output-file envs/bootstrap.txt
	$(COMPILE) envs/requirements.in --output-file envs/requirements.txt

reference: $(INSTALLED)
	PYTHONPATH=workflow $(BIN)/python -m feature_quality.config.reference

$(INSTALLED): envs/bootstrap.txt envs/requirements.txt
	@"$$PYTHON" -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another one: make PYTHON=…")'
	"$$PYTHON" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement envs/bootstrap.txt
	@# Compiled now, and the toy's kernel too: the first jobs would otherwise spend their time on it.
	$(BIN)/uv pip sync --quiet --compile-bytecode --no-build-isolation --python .venv --require-hashes envs/bootstrap.txt envs/requirements.txt
	PYTHONPATH=workflow $(BIN)/python -m feature_quality.toy.compile
	@touch $@
