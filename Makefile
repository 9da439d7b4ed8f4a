# Every command works on a fresh Linux machine that has python3 >= 3.11, make and a package index.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
COMPILE = .venv-dev/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header
LOCKS = requirements-build.lock requirements.lock requirements-dev.lock tests/clients/requirements.lock \
	tests/clients/per_provider/requirements.lock tests/clients/voice_agents/requirements.lock

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-22s\033[0m %s\n", $$1, $$2}'

# --- environments: built from hash-locked requirements, again when these change ------------------

define build_env
	@echo "building $(1) from $(2)"
	@rm -rf $(1) && $(PYTHON) -m venv $(1)
	@$(1)/bin/python $(PIP_INSTALL) -r requirements-build.lock
	@$(1)/bin/python $(PIP_INSTALL) -r $(2)
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(1)/.built
endef

.venv/.built: requirements.lock requirements-build.lock
	$(call build_env,.venv,requirements.lock)

.venv-dev/.built: requirements-dev.lock requirements-build.lock
	$(call build_env,.venv-dev,requirements-dev.lock)

.venv-clients/.built: tests/clients/requirements.lock
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) -r $< && touch $@

.venv-clients-per-provider/.built: tests/clients/per_provider/requirements.lock
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) -r $< && touch $@

.venv-clients-voice-agents/.built: tests/clients/voice_agents/requirements.lock
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) -r $< && touch $@

# --- the service ----------------------------------------------------------------------------------

.PHONY: run
run: .venv/.built ## Start the service on 0.0.0.0:9004
	@exec .venv/bin/integration-api serve

# --- proof ----------------------------------------------------------------------------------------

# A file's tests stay in one process, as they share its service; TEST_PROCESSES=0 runs all in one, for a debugger.
TEST_PROCESSES ?= auto

.PHONY: test
test: .venv-dev/.built ## Run every test, PostgreSQL and Redis included, a process a core
	@.venv-dev/bin/python -m pytest tests --ignore tests/clients --ignore tests/browser \
		--numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: test-clients
test-clients: .venv-dev/.built .venv-clients/.built .venv-clients-per-provider/.built .venv-clients-voice-agents/.built ## Run other projects' clients against the service
	@SERVICE_PYTHON=$(CURDIR)/.venv-dev/bin/python .venv-clients/bin/python -m pytest -c tests/clients/pytest.ini -p no:cacheprovider -q \
		--ignore tests/clients/per_provider --ignore tests/clients/voice_agents tests/clients $(ARGS)
	@SERVICE_PYTHON=$(CURDIR)/.venv-dev/bin/python .venv-clients-per-provider/bin/python -m pytest -c tests/clients/per_provider/pytest.ini \
		-p no:cacheprovider -q tests/clients/per_provider $(ARGS)
	@SERVICE_PYTHON=$(CURDIR)/.venv-dev/bin/python .venv-clients-voice-agents/bin/python -m pytest -c tests/clients/voice_agents/pytest.ini \
		-p no:cacheprovider -q tests/clients/voice_agents $(ARGS)

tests/browser/node_modules/.built: tests/browser/package-lock.json
	@tests/browser/install

.PHONY: test-browser
test-browser: .venv-dev/.built tests/browser/node_modules/.built ## Run pages in headless Chromium against the service
	@.venv-dev/bin/python -m pytest -q tests/browser $(ARGS)

.PHONY: check
check: .venv-dev/.built ## Lint, format, types, import law, locks and generated files
	@.venv-dev/bin/ruff check .
	@.venv-dev/bin/ruff format --check --quiet .
	@.venv-dev/bin/mypy
	@.venv-dev/bin/lint-imports --no-logo
	@$(MAKE) --no-print-directory check-locks check-generated

.PHONY: check-locks
check-locks:
	@for lock in $(LOCKS); do \
		cp $$lock /tmp/$$$$.lock; \
		$(MAKE) --no-print-directory -s lock-one LOCK=$$lock OUT=/tmp/$$$$.lock; \
		diff -q $$lock /tmp/$$$$.lock > /dev/null || { echo "$$lock is not current: run make lock"; exit 1; }; \
		rm -f /tmp/$$$$.lock; \
	done; echo "locks are current"

.PHONY: check-generated
check-generated: .venv-dev/.built
	@.venv-dev/bin/python -m scripts.protos --check
	@.venv-dev/bin/python -m scripts.generate --check

.PHONY: generate
generate: .venv-dev/.built ## Write the files that are made from others: gRPC messages, and docs from code
	@.venv-dev/bin/python -m scripts.protos
	@.venv-dev/bin/python -m scripts.generate

.PHONY: lock
lock: .venv-dev/.built ## Pin the dependencies anew; UPGRADE=1 takes their newest versions
	@for lock in $(LOCKS); do $(MAKE) --no-print-directory -s lock-one LOCK=$$lock OUT=$$lock; done

.PHONY: lock-one
lock-one:
	@case $(LOCK) in \
		requirements.lock) sources="pyproject.toml";; \
		requirements-dev.lock) sources="--extra dev pyproject.toml";; \
		*) sources="$(LOCK:.lock=.in)";; \
	esac; \
	$(COMPILE) $(if $(UPGRADE),--upgrade) $$sources --output-file $(OUT)

.PHONY: bench
bench: .venv/.built ## Measure the service beside nginx and a C mock, in one interleaved run
	@bench/run

.PHONY: bench-voice
bench-voice: .venv/.built ## Measure 400 live speech sessions beside a plain relay; ARGS='--minutes 10' watches memory
	@bench/run voice $(ARGS)

.PHONY: bench-loop
bench-loop: .venv/.built ## Measure 50 telephone calls that are heard, answered by a model and spoken to
	@bench/run loop $(ARGS)

# --- with PostgreSQL and Redis, in containers -----------------------------------------------------

COMPOSE = docker compose --file docker/compose.yml

# The database's password, made once; `down` keeps it, as it keeps the data.
docker/.env:
	@(umask 077 && echo "POSTGRES_PASSWORD=$$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')" > $@)

.PHONY: build-integration up-integration down-integration logs-integration rebuild-integration \
	shell-integration restart-integration
build-integration: docker/.env ## Build the image
	@$(COMPOSE) build integration-api
up-integration: docker/.env ## Start the service with PostgreSQL 15 and Redis 7
	@$(COMPOSE) up --detach --wait
	@echo "the first start's admin key and an example are in: make logs-integration"
down-integration: docker/.env ## Stop them; the data stays
	@$(COMPOSE) down
logs-integration: docker/.env ## Follow the service's log
	@$(COMPOSE) logs --follow integration-api
rebuild-integration: docker/.env ## Build the image from nothing and start again
	@$(COMPOSE) build --no-cache integration-api && $(COMPOSE) up --detach --wait
shell-integration: docker/.env ## A shell in the running container
	@$(COMPOSE) exec integration-api sh
restart-integration: docker/.env ## Restart the service alone
	@$(COMPOSE) restart integration-api

.PHONY: clean
clean: ## Remove the environments and caches; data and keys stay
	@rm -rf .venv .venv-* tests/browser/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
