# oms: every command of the project. The work is done by extension/Makefile, server/Makefile and server/run/.

OMS_HOME ?= $(CURDIR)/var
OMS_PORT ?= 8000
OMS_PGPORT ?= 54320
PG_CONFIG ?= /usr/lib/postgresql/15/bin/pg_config
export OMS_HOME OMS_PORT OMS_PGPORT PG_CONFIG

run_dir = server/run
sources = $(wildcard extension/src/*.[ch] server/*.[ch] server/run/*.c)

.DEFAULT_GOAL = help
.PHONY: help run check bench psql conninfo install build stage deps deps-check deps-bench format format-check clean

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

run: stage ## builds and runs oms in the foreground until SIGINT or SIGTERM
	$(exec $(run_dir)/run.sh)@exec $(run_dir)/run.sh

check: deps-check ## builds and tests everything
	@test/run.sh $(SUITES)

bench: deps-bench stage ## measures oms, as ratios to floors of the same run
	@test/bench/run

psql: ## psql as the superuser of the running cluster
	$(exec $(run_dir)/cluster.sh psql)@exec $(run_dir)/cluster.sh psql

conninfo: ## prints the connection string of the running cluster (use make -s)
	@$(run_dir)/cluster.sh conninfo

install: build ## installs extension and omsd into the system (PG_CONFIG, DESTDIR)
	@$(MAKE) --no-print-directory -C extension install
	@$(MAKE) --no-print-directory -C server install

build: deps ## builds the extension and omsd in .build
	@echo "building the extension"
	@$(MAKE) -s --no-print-directory -C extension
	@echo "building omsd"
	@$(MAKE) -s --no-print-directory -C server all docs

stage: build ## puts PostgreSQL with the extension into .build/pg
	@$(run_dir)/stage.sh

deps: ## installs the packages that make run needs
	@$(run_dir)/deps.sh run

deps-check: ## installs the packages that make check needs
	@$(run_dir)/deps.sh run check

deps-bench: ## installs the packages that make bench needs
	@$(run_dir)/deps.sh run bench

format: ## formats the C sources
	clang-format -i $(sources)

format-check: ## fails when a C source is not formatted
	clang-format --dry-run --Werror $(sources)

clean: ## removes what was built; data stays
	rm -rf .build

# make becomes the program it runs, so that a signal and the exit status are the program's own.
ifneq ($(filter run psql,$(MAKECMDGOALS)),)
ifeq ($(findstring n,$(firstword -$(MAKEFLAGS))),)
-load .build/make-exec.so(make_exec_gmk_setup)
.build/make-exec.so: $(run_dir)/make-exec.c
	@$(run_dir)/deps.sh run
	@mkdir -p $(@D)
	@gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $<
endif
endif
