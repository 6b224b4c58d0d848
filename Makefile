# make demo    the whole story on real machines: bake, deploy, roll out, roll back, under load; ENGINE=container on containers
# make test    every check and test
# make check   only what needs no machine: format, lint, types, floors
# make bench   measurements, one JSON object a line; ONLY=PREFIX runs a part
# make soak    an hour of good health and work, in which nobody may cry wolf; SOAK_MINUTES=N for less
# make clean   removes what all of these left

# bakes and tests mount file systems and start machines
SUDO := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=KEEP,ONLY,CI,THOROUGH,EXPLORE,STONEWARE_DEBIAN_SOURCES)
BIN := .venv/bin
ENGINE ?= qemu

SOAK_MINUTES ?= 60
WORKERS ?= $(shell nproc | awk '{ print $$1 < 2 ? 2 : ($$1 > 8 ? 8 : $$1) }')

.PHONY: demo test check bench soak clean setup

setup:
	@scripts/setup

demo: setup
	@$(SUDO) $(BIN)/python -m demo --engine $(ENGINE)

# two workers at least: one has the tests with machines, the others do all the rest meanwhile
test: setup
	@$(SUDO) $(BIN)/pytest --numprocesses $(WORKERS) --dist loadgroup

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench:
	@scripts/setup packer openssh-client qemu-utils
	@$(SUDO) $(BIN)/python -m bench $(ONLY)

soak: setup
	@$(SUDO) $(BIN)/python -m bench.soak --minutes $(SOAK_MINUTES)

clean:
	@if [ -x $(BIN)/python ]; then $(SUDO) $(BIN)/python -m bench --clean; $(SUDO) $(BIN)/python -m demo --clean; fi
	@$(SUDO) rm -rf .venv .demo .bench dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.git/*' -prune -exec $(SUDO) rm -rf {} +
