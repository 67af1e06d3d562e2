# Everything a newcomer needs, with Python 3.11+ and make alone. `make` lists it.
.DEFAULT_GOAL := help
.PHONY: help env up status logs down clean doctor demo test lint type format bench fuzz

UV_VERSION := 0.13.9
UV := .haukiem/uv/bin/uv
BIN := .venv/bin
STAMP := .venv/.made-from-lock
PYTEST := $(BIN)/pytest
# Without kept bytecode every process would compile all its modules anew: two thirds of its start.
unexport PYTHONDONTWRITEBYTECODE
# How many test processes: one for each core.
WORKERS ?= auto

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(STAMP) ## the Python environment, from the lock file (every other target makes it when needed)

$(STAMP): uv.lock pyproject.toml | $(UV)
	@echo "Making the Python environment from uv.lock …" >&2
	@python="$$(deploy/local/find-python)" && UV_PYTHON_DOWNLOADS=never \
	  $(UV) sync --frozen $(if $(wildcard $(BIN)/python),,--python "$$python") \
	  || { echo "The environment could not be made. No network? Disk full (df -h .)? Then mend that and run make again." >&2; exit 1; }
	@touch $@

$(UV): deploy/local/find-python
	@echo "Putting uv $(UV_VERSION) into .haukiem/uv …" >&2
	@deploy/local/install-uv $(UV_VERSION)

up: $(STAMP) ## bring everything up in the background (BROKERS=1|3, CLOCK=<instant> for an empty sandbox clock)
	@$(BIN)/haukiem up $(if $(BROKERS),--brokers $(BROKERS)) $(if $(CLOCK),--clock "$(CLOCK)")

status: $(STAMP) ## what runs where
	@$(BIN)/haukiem status

logs: $(STAMP) ## the end of the logs (PART=applications, FOLLOW=1)
	@$(BIN)/haukiem logs $(PART) $(if $(FOLLOW),--follow)

down: $(STAMP) ## stop every stack of this folder; data stays
	@$(BIN)/haukiem down

clean: $(STAMP) ## stop every stack of this folder and remove all their data
	@$(BIN)/haukiem clean

doctor: $(STAMP) ## is this machine able to run the stack?
	@$(BIN)/haukiem doctor

demo: $(STAMP) ## a whole season of the sandbox on real figures, in a few minutes
	@$(BIN)/haukiem demo

test: $(STAMP) ## all tests; every branch of the three cores must be covered
	$(PYTEST) -n $(WORKERS) --dist loadgroup --cov

lint: $(STAMP) ## style, format, and the rules of the layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

type: $(STAMP) ## mypy, strict
	$(BIN)/mypy

format: $(STAMP) ## put the code into its format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(STAMP) ## speed, measured on this machine
	$(BIN)/python -m tests.bench

fuzz: $(STAMP) ## 10,000 generated requests for each service and role, others each time (CASES=1000 for fewer)
	FUZZ_CASES=$(or $(CASES),10000) $(PYTEST) -n $(WORKERS) tests/edges/test_schemathesis.py
