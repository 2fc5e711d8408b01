# What a developer runs, and CI: nothing else is needed than Python 3.11, gcc and make, on Debian or the like.
# PHOTOS=DIR gives `demo` a folder of pictures; MODELS=DIR gives `up` a folder of models, and URI_PREFIXES="PREFIX..." the
# beginnings of addresses that it may read pictures from; ARGS goes to pytest, BENCH to the benchmarks.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BUF := .tools/node_modules/.bin/buf
UV_VERSION := 0.13.9
LOCAL := .venv/bin/python -m deploy.local
UP = $(if $(MODELS),--models "$(MODELS)") $(foreach prefix,$(URI_PREFIXES),--uri-prefix "$(prefix)")
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
PROTOC := .tools/protos/bin/python -m grpc_tools.protoc
STUBS := --python_out=. --pyi_out=. --grpc_python_out=.

# Where tests/install.sh puts Prometheus.
export PATH := $(PATH):$(CURDIR)/.tools/prometheus/usr/bin
export PYTHON

.PHONY: help demo up up-observed down test test-interop test-images test-k8s chaos keras plants bench images lint types \
	protos models lock clean .tools/protos

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/local.stamp ## Index an album (PHOTOS=DIR: yours), search it, compare the models, write a page
	@$(LOCAL) demo $(if $(PHOTOS),--photos "$(PHOTOS)")

up: .venv/local.stamp ## Start everything on loopback and leave it running (MODELS=DIR: your models too)
	@$(LOCAL) up $(UP)

up-observed: .venv/local.stamp ## The same, with Prometheus and Grafana where they are to be had
	@tests/install.sh prometheus
	@$(LOCAL) up --observed $(UP)

down: .venv/local.stamp ## Stop what `up` started; what is stored stays
	@$(LOCAL) down

test: .venv/dev.stamp ## Run every test, after installing the servers that they need
	@tests/install.sh
	.venv/bin/python -m pytest --numprocesses=3 $(ARGS)

test-interop: .venv/dev.stamp ## Generate, compile and run a client in each of six other languages
	@tests/install.sh servers interop
	@$(MAKE) --silent -j2 -C tests/interop
	.venv/bin/python -m pytest -m interop tests/interop $(ARGS)

test-k8s: .venv/dev.stamp ## Check the manifests, and try them on the cluster that kubectl reaches, with the images of `make images`
	@tests/install.sh checkov
	.venv/bin/python -m pytest -m "cluster or not cluster" -v -s tests/k8s $(ARGS)

chaos: .venv/dev.stamp ## Kill everything at random for ROUNDS=110 rounds, over 200 kills; SEED= repeats a run
	@tests/install.sh
	ROUNDS="$(or $(ROUNDS),110)" SEED="$(SEED)" .venv/bin/python -m pytest -v tests/chaos $(ARGS)

keras: .venv/dev.stamp .tools/keras/complete ## Compare exported networks with Keras's own output
	.venv/bin/python -m pytest -s -m long tests/keras $(ARGS)

plants: .venv/dev.stamp ## Plant known bugs, one at a time, and demand that the tests notice each
	@tests/install.sh
	.venv/bin/python -m tests.plants

bench: .venv/dev.stamp ## Measure what Likeness costs beside what it stands on (BENCH="search --help")
	@tests/install.sh
	.venv/bin/python -m benchmarks $(BENCH)

images: ## Build the images of the services with a container engine
	@$(require_engine)
	@for part in gateway embedder search search-lite; do \
		echo "likeness-$$part:$(VERSION)"; \
		docker build --quiet --file deploy/Dockerfile --target "$$part" --tag "likeness-$$part:$(VERSION)" \
			--build-arg VERSION="$(VERSION)" --build-arg REVISION="$$(git rev-parse HEAD)" . >/dev/null; \
	done

test-images: .venv/dev.stamp ## Build the images and try the compose stack: restarts under load, scaling, backup
	@$(require_engine)
	@tests/install.sh stand_ins
	.venv/bin/python -m pytest -v -s -m long tests/images $(ARGS)

lint: .venv/dev.stamp ## Check style, and the contract against the last release's
	@tests/install.sh buf
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	cd protos && ../$(BUF) lint
	@tests/breaking.sh

types: .venv/dev.stamp ## Check types
	.venv/bin/mypy

protos: .tools/protos .venv/dev.stamp ## Generate stubs, descriptors, the reference page and the OpenAPI document from protos/
	$(PROTOC) -I protos $(STUBS) protos/likeness/v1/*.proto
	$(PROTOC) -I embedder_service=protos $(STUBS) protos/inference/*.proto
	$(PROTOC) -I protos --include_imports --descriptor_set_out=protos/likeness.binpb \
		protos/google/rpc/error_details.proto protos/inference/*.proto protos/likeness/v1/*.proto
	.venv/bin/python -m tests.architecture.reference_page
	@tests/install.sh go_tools
	tests/openapi.sh deploy/http/openapi.json
	cp protos/likeness/v1/likeness_grpc_service_config.json likeness/v1/

models: .venv/dev.stamp ## Generate the built-in models
	.venv/bin/python -m embedder_service.models.generate

lock: .tools/uv ## Bring the lock files of requirements/ up to date
	@$(call compile,$(EXTRAS) --group dev pyproject.toml,dev)
	@$(call compile,--constraint requirements/dev.lock $(EXTRAS) --group local pyproject.toml,local)
	@for group in embedder search lite gateway; do \
		$(call compile,--constraint requirements/dev.lock --group $$group pyproject.toml,$$group); \
	done
	@$(call compile,--constraint requirements/dev.lock pyproject.toml,client)
	@$(call compile,requirements/protos.in,protos)
	@$(call compile,requirements/triton.in,triton)
	@$(call compile,requirements/envoy.in,envoy)

clean: ## Stop what runs; remove the environment, the tools, the caches and all that `up` has stored
	@if [ -x .venv/bin/python ]; then $(LOCAL) down; fi
	rm -rf .venv .tools .likeness .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

EXTRAS := --extra html --extra plot

# $(1): what to compile; $(2): the name of the lock file.
compile = .tools/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(UPGRADE) \
	$(1) --output-file requirements/$(2).lock

.venv/bin/python:
	@$(require)
	$(PYTHON) -m venv .venv

.venv/local.stamp: requirements/local.lock pyproject.toml | .venv/bin/python
	@$(require_compiler)
	.venv/bin/python -m pip install --quiet --require-hashes --requirement requirements/local.lock
	.venv/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

# All that local.lock holds is in dev.lock too, in the same versions.
.venv/dev.stamp: requirements/dev.lock pyproject.toml | .venv/bin/python
	@$(require_compiler)
	.venv/bin/python -m pip install --quiet --require-hashes --requirement requirements/dev.lock
	.venv/bin/python -m pip install --quiet --no-deps --editable . ./embedder_service/model_tools
	@touch $@ .venv/local.stamp

.tools/protos:
	@tests/install.sh protos

.tools/keras/complete: tests/keras/requirements.txt
	@$(require)
	$(PYTHON) -m venv .tools/keras
	.tools/keras/bin/python -m pip install --quiet --requirement $<
	@touch $@

.tools/uv:
	@$(require)
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet uv==$(UV_VERSION) || { rm -rf $@; exit 1; }

define require
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "Python 3.11 or later is needed; name it with PYTHON=/path/to/python3.11"; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	|| { echo "Python cannot make environments here; first run: apt-get install python3-venv"; exit 1; }
endef

# 69 says that a service is not there.
define require_engine
docker version >/dev/null 2>&1 || { \
	echo "This needs a container engine, and none answers: install Docker 25 or later, or set DOCKER_HOST to one."; \
	exit 69; \
}
endef

# A Redis for machines that have none is compiled.
define require_compiler
echo '#include <stdlib.h>' | gcc -E - >/dev/null 2>&1 \
	|| { echo "A C compiler is needed; first run: apt-get install gcc libc6-dev"; exit 1; }
endef
