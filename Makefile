# What is done here often. Each target installs what it needs on Debian and Ubuntu.
# Arguments are passed on: make demo ARGS=--exit, make test ARGS=health

.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz bench pictures lab lint
export PATH := $(PATH):$(HOME)/.cargo/bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building, testing and measuring need
	@dev/setup.sh build demo test bench lab

demo: ## Build it and show it: deploy, preview, fail, roll back, under load
	@dev/demo.sh $(ARGS)

test: ## Run the whole test suite on a real Docker Engine
	@dev/test.sh $(ARGS)

fuzz: ## Look for bytes that break what reads them; every reader for a minute
	@dev/fuzz.sh $(ARGS)

bench: ## Measure it beside its peers; writes target/bench.json
	@dev/bench.sh $(ARGS)

pictures: ## Take pictures of every page, in both themes and two widths; into target/pictures
	@dev/pictures.sh $(ARGS)

lab: ## Several hosts on this machine, in a Swarm, with a server and edges, until ctrl-C
	@dev/lab.sh $(ARGS)

lint: ## Check format, lints, documentation, licences and scripts
	@dev/lint.sh
