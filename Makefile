# One line a target; the work is in scripts/, and each script installs what it misses.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help namespace appliance custom verify demo test test-images mutants sim-long bench bench-join bench-churn bench-ring bench-strangers bench-flood bench-links bench-idle bench-fair bench-tunnel bench-nat bench-natted bench-bake bench-condor check clean ensure

help: ## this list
	@echo 'make <target> [VARIABLE=value]…'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

namespace: ensure ## make a namespace: [NAME=lab] [POOL=10.128.0.0/9] [LEASE=12h] [BOOTSTRAP=multiaddr,…] [RING=own|shared]
	@node --import tsx scripts/namespace.ts

appliance: ensure ## bake an image: [NS=id, name or token] [FLAVOUR=minimal|condor] [FORMATS=qcow2,ova] [BOOTSTRAP=multiaddr,…] [SSH_KEY=file.pub] [CONDOR=role=worker,…] [SIGN_KEY=file] [MIRROR=url]
	@node --import tsx scripts/appliance.ts

custom: ensure ## boot a base, run a script in it, keep the result as a base: [BASE=flavour] SCRIPT=file [NAME=…] [BUILDER=qemu|virtualbox|vmware]
	@node --import tsx scripts/custom.ts

verify: ensure ## look at an image as an outsider would: NS=id or name [SIGN_KEY=public key] [JSON=1]
	@node --import tsx scripts/verify.ts

demo: ensure ## five hosts on this machine, in network namespaces; [FLAVOUR=condor]: a pool of HTCondor [HOSTS=n]
	@node --import tsx scripts/demo.ts

test: ensure ## everything that proves it
	@node --import tsx scripts/test.ts

test-images: ensure ## the long matrix of images: every format booted, VirtualBox, copies
	@ONLY=images node --import tsx scripts/test.ts

mutants: ensure ## break the product in one place after the other, and see which test notices: [ONLY=part of a name or file,…] [BY=stories] [STORIES=n]
	@node --import tsx scripts/mutants.ts

sim-long: ensure ## random stories of faults for [HOURS=2], [SEED=…]: others each time; [UDP=1] all over real UDP sessions and NATs
	@npx wow sim --hours $(or $(HOURS),2) --seed $(or $(SEED),$$(date +%s)) $(if $(UDP),--udp)

bench: bench-join bench-churn bench-ring bench-strangers bench-flood bench-links bench-idle bench-fair bench-tunnel bench-nat bench-natted bench-bake bench-condor ## all benchmarks

bench-join: ensure ## how fast a node joins and gets its address: [NODES=100]; writes bench/results/join.json
	@node --import tsx bench/join.ts

bench-churn: ensure ## leases while nodes die and join, and when all ask at once; writes bench/results/churn.json
	@node --import tsx bench/churn.ts

# Bundled, because that runs a third faster. Frames in flight live long in real time: in a large young generation they die there, and the
# heap is not marked again and again. LARGE=50000 nodes need 10 GB of memory, 100,000 twice as much.
bench-ring: ensure ## large rings in virtual time: hops, idle traffic, repair, a boot storm, churn; writes bench/results/ring-*.json [PARTS=…] [SIZES=…] [LARGE=50000] [CHURN=10000]
	@npx esbuild bench/ring.ts --bundle --platform=node --format=esm --packages=external --log-level=error --outfile=build/bench/ring.mjs
	@node --max-old-space-size=18000 --min-semi-space-size=1024 --max-semi-space-size=1024 --no-incremental-marking build/bench/ring.mjs

bench-bake: ensure ## how fast images are made, how large they are, how they boot; writes bench/results/bake.json
	@node --import tsx bench/bake.ts

bench-strangers: ensure ## what strangers cost a node of a ring of its own; writes bench/results/strangers.json
	@node --import tsx bench/strangers.ts

bench-flood: ensure ## what two hosts notice of a stranger that floods one of them with handshakes: [RATE=50000]; writes bench/results/flood.json
	@node --import tsx bench/flood.ts

bench-links: ensure ## the memory that a link costs a node: [LINKS=200]; writes bench/results/links.json
	@node --import tsx bench/links.ts

bench-idle: ensure ## what idle members send, and their processor time: [RINGS=6,12] [SECONDS=240]; writes bench/results/idle.json
	@node --import tsx bench/idle.ts

bench-fair: ensure ## whether many peers of one host share its tunnels fairly: [PEERS=50]; writes bench/results/fair.json
	@node --import tsx bench/fair.ts

bench-natted: ensure ## a ring of real agents behind NATs of four kinds: [HOSTS=30]; writes bench/results/natted.json
	@node --import tsx bench/natted.ts

bench-tunnel: ensure ## tunnels beside those of wireguard-go, nebula and others: [ROUNDS=5] [PEERS=raw,wow,…] [CASES=plain,…] [MIRROR=url]; writes bench/results/tunnel.json
	@node --import tsx bench/tunnel.ts

bench-nat: ensure ## how two nodes get through their NATs, in virtual time: [TRIES=100]; writes bench/results/nat.json
	@node --import tsx bench/nat.ts

bench-condor: ensure ## how fast a pool of HTCondor assembles itself; writes bench/results/condor.json
	@node --import tsx bench/condor.ts

check: ensure ## types, lint, format, and the rules of the house
	@node --import tsx scripts/check.ts

clean: ## remove what was built and cached (dist/ stays)
	rm -rf build .cache

ensure:
	@scripts/lib/ensure.sh
