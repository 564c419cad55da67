# One line a target; the work is in scripts/, and each script installs what it misses.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help namespace appliance demo test bench bench-join check clean ensure

help: ## this list
	@echo 'make <target> [VARIABLE=value]…'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

namespace: ensure ## make a namespace: [NAME=lab] [POOL=10.128.0.0/9] [LEASE=12h] [BOOTSTRAP=multiaddr,…]
	@node --import tsx scripts/namespace.ts

appliance: ensure ## bake an image: [NS=id, name or token] [FLAVOUR=minimal] [FORMATS=qcow2] [BOOTSTRAP=multiaddr,…] [SSH_KEY=file.pub] [MIRROR=url]
	@node --import tsx scripts/appliance.ts

demo: ensure ## five hosts on this machine, in network namespaces
	@node --import tsx scripts/demo.ts

test: ensure ## everything that proves it
	@node --import tsx scripts/test.ts

bench: bench-join ## all benchmarks

bench-join: ensure ## how fast a node joins and gets its address; writes bench/results/join.json
	@node --import tsx scripts/bench-join.ts

check: ensure ## types, lint, format
	@npx tsc --noEmit
	@npx biome check

clean: ## remove what was built and cached (dist/ stays)
	rm -rf build .cache

ensure:
	@scripts/lib/ensure.sh
