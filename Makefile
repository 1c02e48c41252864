# One line of help for each target: `make help`.
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
export PORT ?= 8000
export DATA ?= .run
export SEED ?= 1
# Test processes mostly wait for databases, so one more than cores.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
# A thousand databases are made and dropped: in memory, if that has room, in 25 ms each; on disk 70 to 170 were seen.
SCRATCH ?= $(or $(TMPDIR),$(shell df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4096 { print "/dev/shm" }'))
COVERAGE ?= 90
SCREENSHOTS ?= screenshots
ARGS ?=
SERVICE ?=
BUMP ?=
ROLLING ?= quick
SINCE ?=
ENV ?= production
SIZE ?= S
MINUTES ?= 20
NAME ?=
MESSAGE ?=
# Of one service: its own tests, the agreements that name it, and the rules of the house.
ONLY = $(if $(SERVICE),$(if $(filter chassis,$(SERVICE)),chassis,services/$(SERVICE))/tests tests/contract --service=$(SERVICE))
# While one works on a service SQLite says quickly what is wrong; ARGS=--stack=both asks PostgreSQL and RabbitMQ as well.
WORDS = $(if $(SERVICE),--stack=embedded) $(ARGS)

VENV := .venv
PY := $(VENV)/bin/python
CHECKS := .checks
export OVERLAY ?= production
SERVICES := $(notdir $(wildcard services/*))
COMPILE := -m piptools compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links --no-emit-options

# One machine with Docker. Compose 2 and 1.29 read the same file; each image bears the commit it was built from.
VERSION ?= $(shell git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
DOCKER ?= docker
COMPOSE ?= $(shell $(DOCKER) compose version >/dev/null 2>&1 && echo "$(DOCKER) compose" || echo docker-compose)
# Those of backups stand on those of their services.
IMAGES ?= $(SERVICES) mail auth-backup posts-backup social-backup
# Whose databases: those of `make run`, or those of docker-compose.yml.
STACK ?= local
BACKUP = $(if $(filter compose,$(STACK)),env COMPOSE="$(COMPOSE)" deploy/compose/backup.sh,$(PY) -m deploy.local.backup)
BACKUP_NEEDS = stack $(if $(filter compose,$(STACK)),,paths)
# Where packages come from and how to get there, if the caller's environment says so. Nothing of it stays in an image.
PASSED := PIP_INDEX_URL PIP_EXTRA_INDEX_URL HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy

# Every target that says what it is for, and the two that only serve others.
.PHONY: $(shell awk -F: '/^[a-z-]+:.*## / { print $$1 }' Makefile) paths parts stack

help: ## what this Makefile can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

run: paths ## start the whole blog: [PORT=8000] [DATA=.run] [SEED=1]; Ctrl-C ends it
	@exec $(PY) -m deploy.local.run

backup: $(BACKUP_NEEDS) ## a backup of every database, while serving: [DATA=.run] [TO=backups/<time>] [SERVICE="auth posts"] [STACK=compose]
	@exec $(BACKUP) backup

# Another word would quietly mean the databases of `make run`: a backup of the wrong ones, or their end.
stack:
	@case "$(STACK)" in local|compose) ;; *) echo >&2 "make $(MAKECMDGOALS): STACK=$(STACK) is neither local nor compose"; exit 1 ;; esac

restore: $(BACKUP_NEEDS) ## put databases back while nothing uses them: FROM=folder [DATA=.run] [FORCE=1] [SERVICE="auth posts"] [STACK=compose]
	@exec $(BACKUP) restore

converge: $(BACKUP_NEEDS) ## after a restore, with the blog running: copies become what their owners hold [DATA=.run] [STACK=compose]
	@exec $(BACKUP) converge

command: paths ## a command of one service of `make run`: SERVICE=social ARGS="dead list" [DATA=.run]
	@exec $(PY) -m deploy.local.command $(ARGS)

# What it needs is fetched and unpacked side by side.
test: ## run every test on both stacks; or some of them: ARGS="-k name"; or one service's, quickly: SERVICE=posts [ARGS=--stack=both]
	@$(MAKE) --jobs=3 $(VENV)/dev.stamp $(if $(SERVICE),,$(CHECKS)/stamp) paths parts
	@exec env TMPDIR=$(SCRATCH) $(PY) -m pytest -n $(WORKERS) --dist loadgroup $(ONLY) $(WORDS)

coverage: ## every test, told what of the code they run, in half as long again; fails below: [COVERAGE=90]
	@exec $(MAKE) test ARGS="--cov --cov-report=term --cov-fail-under=$(COVERAGE) $(ARGS)"

test-changed: $(VENV)/dev.stamp paths ## the tests of the services that have changed, or all if anything else has: SINCE=main
	@chosen=$$($(PY) -m deploy.release.changed "$(SINCE)") || exit 1; [ -n "$$chosen" ] || exec $(MAKE) test; \
	for service in $$chosen; do $(MAKE) test SERVICE=$$service ARGS=--stack=both || exit 1; done

screenshots: $(VENV)/dev.stamp paths ## a picture of every page, light and dark, small and wide: [SCREENSHOTS=screenshots]
	@$(PY) -m deploy.local.parts chromium-headless-shell
	@SCREENSHOTS=$(SCREENSHOTS) $(PY) -m pytest --quiet --stack=embedded tests/browser/test_looks.py
	@echo "The pictures are in $(SCREENSHOTS)."

picture: $(VENV)/dev.stamp paths ## the picture in the README, of the blog that runs: [PORT=8000]
	@$(PY) -m deploy.local.parts chromium-headless-shell
	@$(PY) -m deploy.docs.picture http://127.0.0.1:$(PORT) docs/images/blog.png

docs: $(VENV)/dev.stamp paths ## build the documentation into .site, strictly, every link checked; needs no network
	@$(PY) -m mkdocs build --strict && echo "Open .site/index.html."

abuse: $(VENV)/dev.stamp paths parts ## the long form of the abuse battery, fuzzing for ten minutes included: [ARGS="-k a2"]
	@export ABUSE=long; $(PY) -m pytest -n 2 --dist loadgroup -s -m "not alone" tests/system/abuse tests/browser/test_a5_scripts.py $(ARGS) \
		&& { $(PY) -m pytest -s -m alone tests/system/abuse $(ARGS) || [ $$? = 5 ]; }

faults: $(VENV)/dev.stamp paths parts ## the long form of the fault battery, on both stacks: [ARGS="-k f08"]
	@FAULTS=long exec $(PY) -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -s tests/system/faults $(ARGS)

rolling: $(VENV)/dev.stamp paths parts ## every process replaced 20 times under load, releases side by side, on both stacks: [ROLLING=long] [ARGS="-k f15"]
	@ROLLING=$(ROLLING) exec $(PY) -m pytest -n 2 --dist loadgroup -s tests/system/upgrades $(ARGS)

bench: $(VENV)/dev.stamp paths parts ## CPU and waiting times of every row, on both stacks, into bench/results.md: [SIZE=S]
	@$(PY) -m deploy.local.parts wrk && $(PY) -m bench.run --size $(SIZE)

bench-quick: $(VENV)/dev.stamp paths ## the same in a minute, embedded, as ratios to the committed figures
	@$(PY) -m deploy.local.parts wrk && $(PY) -m bench.run --stack embedded --quick

timelines: $(VENV)/dev.stamp paths parts ## the timeline's statement at 1 and 10 million cards, into bench/timeline.md; its plans beside it
	@$(PY) -m bench.timeline

soak: $(VENV)/dev.stamp paths ## half of what the blog can do for MINUTES; fails if memory or open files grow: [MINUTES=20]
	@$(PY) -m deploy.local.parts wrk && exec $(PY) -m bench.soak --minutes $(MINUTES)

capacity: $(VENV)/dev.stamp paths parts ## memory of each process, requests a core and route, events, on the real stack, into bench/capacity.md: [SIZE=S]
	@$(PY) -m bench.capacity --size $(SIZE)

lint: $(VENV)/dev.stamp ## check style, types, likely mistakes, unsafe habits, blocking migrations, secrets left behind
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@MYPYPATH=$$(echo services/* | tr ' ' :) $(PY) -m mypy --no-error-summary
	@$(PY) -m deploy.checks
	@$(PY) -m bandit --quiet --severity-level medium --configfile pyproject.toml --recursive chassis services deploy
	@git ls-files -z | xargs -0 $(PY) -m detect_secrets.pre_commit_hook --disable-plugin KeywordDetector \
		--exclude-files '(^|/)(corpora|contract|vendor|docs|requirements)/' --exclude-lines 'allowlist secret|11qYAYKx|@(127\.0\.0\.1|localhost)|\{password\}|user:password@|hunter2@|ann:pass@|:%s@|"abcdefghjkmnpq'

format: $(VENV)/dev.stamp ## put the code into its standard form
	@$(PY) -m ruff check --fix-only --quiet . ; $(PY) -m ruff format .

requirements: $(VENV)/dev.stamp ## compile requirements/*.in to pinned *.txt
	@$(PY) $(COMPILE) --output-file=requirements/run.txt requirements/run.in
	@$(PY) $(COMPILE) --allow-unsafe --output-file=requirements/dev.txt requirements/dev.in
	@$(PY) $(COMPILE) --output-file=requirements/checks.txt requirements/checks.in

render: $(VENV)/dev.stamp ## print what Kubernetes is given: [OVERLAY=production], or local, scale
	@$(PY) -m deploy.k8s.render $(OVERLAY)

observability: $(VENV)/dev.stamp ## write the dashboards, and the rules of alarms as Kubernetes wants them
	@$(PY) -m deploy.observability.build

pin: paths ## write pushed images into the overlays: RELEASE=1.0.1 DIGESTS="auth=sha256:… posts=sha256:… …"
	@$(PY) -m deploy.k8s.pin $(RELEASE) $(DIGESTS)

openapi: paths ## write each service's contract/ from its code, the gateway's merge of them, the client's types
	@for service in $(patsubst services/%/migrations,%,$(wildcard services/*/migrations)); do DATABASE_URL=sqlite:////tmp/unused.sqlite BUS_URL=sqlite:////tmp/unused.sqlite \
		$(PY) -m flask --app $$service.app openapi || exit 1; done
	@$(PY) -m gateway.openapi
	@$(PY) clients/python/generate.py

# Alembic compares the models with a database that has every migration so far: one that is made for it and thrown away.
migration: paths ## write the migration that changed models need: SERVICE=posts MESSAGE="what it adds"
	@versions=services/$(SERVICE)/migrations/versions; [ -n "$(SERVICE)" ] && [ -n "$(MESSAGE)" ] && [ -d $$versions ] || \
		{ echo >&2 'Say which service, and what it adds: make migration SERVICE=posts MESSAGE="what it adds"'; exit 2; }; \
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	export LOG_LEVEL=ERROR DATABASE_URL="sqlite:///$$folder/new.sqlite" BUS_URL="sqlite:///$$folder/bus.sqlite" && \
	next=$$(printf %04d $$(($$(ls $$versions/[0-9]*.py | wc -l) + 1))) && \
	$(PY) -m flask --app $(SERVICE).app db upgrade && \
	$(PY) -m flask --app $(SERVICE).app db revision --autogenerate --rev-id $$next --message "$(MESSAGE)"

release: $(VENV)/dev.stamp paths ## release one service: changelog, version, contract snapshot, tag: SERVICE=posts BUMP=minor
	@$(PY) -m deploy.release.release "$(SERVICE)" "$(BUMP)"

compat: $(VENV)/dev.stamp paths ## today's code beside the last releases of the others, both ways: [SERVICE=posts]
	@$(PY) -m deploy.release.compat --service="$(SERVICE)"

can-i-deploy: $(VENV)/dev.stamp paths ## whether a release may run beside what an overlay runs: SERVICE=posts VERSION=1.2.0 ENV=production
	@$(PY) -m deploy.release.deployed "$(SERVICE)" "$(VERSION)" "$(ENV)"

new-service: $(VENV)/dev.stamp ## a service with every room of the house, from the template: NAME=likes
	@$(PY) -m deploy.new_service.make "$(NAME)" && $(MAKE) paths

images: ## build the images: [IMAGES="posts web"] [VERSION=the commit] [BUILD="--network host"]
	@for image in $(IMAGES); do \
		file=services/$$image/Dockerfile; [ -e $$file ] || file=deploy/$${image#*-}/Dockerfile; \
		echo "flasky-$$image:$(VERSION)"; \
		$(DOCKER) build --quiet $(PASSED:%=--build-arg %) --build-arg SERVICE=$${image%-*} --build-arg VERSION=$(VERSION) $(BUILD) --label org.opencontainers.image.version=$(VERSION) \
			--file $$file --tag flasky-$$image:$(VERSION) --tag flasky-$$image:latest . >/dev/null || exit 1; \
	done

test-compose: $(VENV)/dev.stamp paths ## build the images, bring docker-compose.yml up on an engine of its own, use and break it: [ENGINE=folder to keep images in]
	@$(PY) -m deploy.local.parts docker.io docker-compose debootstrap
	@$(PY) -m pytest --stack=embedded -s -p no:cacheprovider tests/system/compose $(ARGS)

secrets: ## make the secrets that docker-compose.yml wants; those that are there stay as they are
	@deploy/compose/secrets.sh

up: .env secrets ## start the blog of docker-compose.yml, or bring it up to date: [ARGS=posts]
	$(COMPOSE) up --detach --remove-orphans $(ARGS)

down: ## end it; its data stay
	$(COMPOSE) down $(ARGS)

logs: ## follow what its containers say: [ARGS=posts]
	$(COMPOSE) logs --follow --tail 100 $(ARGS)

.env:
	@cp .env.example .env && echo "Made .env from .env.example: look through it before the blog goes public."

clean: ## remove the environment, caches and the data of `make run`
	rm -rf $(VENV) $(CHECKS) "$(DATA)" .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo >&2 \
	"Python 3.11 or newer is needed, and $(PYTHON) is `$(PYTHON) --version 2>&1`. Choose one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo >&2 "The venv module is missing: apt-get install python3-venv"; exit 1; }

$(VENV)/run.stamp: requirements/run.txt | $(PY)
	@echo "Installing what the blog needs into $(VENV) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements/run.txt
	@! grep -qw avx2 /proc/cpuinfo 2>/dev/null || { deploy/images/argon2.sh $(PY) -m pip >/dev/null 2>&1 && $(PY) -c "import argon2" 2>/dev/null; } || echo \
	"Passwords take twice as long to hash, else all is the same: argon2 was not compiled for this processor. That takes: apt-get install gcc python3-dev"
	@$(PY) -c "import argon2" 2>/dev/null || $(PY) -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps \
		--only-binary :all: -c requirements/run.txt argon2-cffi-bindings
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "Installing what tests and checks need into $(VENV) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@

$(CHECKS)/stamp: requirements/checks.txt | $(PY)
	@echo "Installing checks of manifests into $(CHECKS) …"
	@$(PY) -m venv $(CHECKS) && $(CHECKS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/checks.txt
	@touch $@

# The chassis and the services are used from where they stand, wherever the repository has been moved to.
paths: $(VENV)/run.stamp
	@for site in $(VENV)/lib/python3*/site-packages; do \
	printf '%s\n' "$(CURDIR)/chassis" "$(CURDIR)/clients/python" $(foreach service,$(SERVICES),"$(CURDIR)/services/$(service)") > "$$site/flasky.new" \
	&& mv "$$site/flasky.new" "$$site/flasky.pth" || exit 1; done

# The real servers that tests start privately; nothing of the system's own is touched.
parts: paths
	@case " $(WORDS) " in *--stack=both*|*--stack=real*) $(PY) -m deploy.local.parts ;; *--stack=embedded*) $(PY) -m deploy.local.parts kubernetes-client prometheus ;; \
	*) $(PY) -m deploy.local.parts ;; esac
