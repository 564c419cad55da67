#!/bin/sh
# Prepares what every make target needs: checks for Node.js, installs node_modules as in package-lock.json, and builds
# the agent. Cheap when nothing is missing; names in one line what it cannot install itself.
set -eu
cd "$(dirname "$0")/../.."

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
  echo "error: Node.js 20.12 or newer with npm is needed and was not found; install it from https://nodejs.org/ (Debian 12's own package is too old)" >&2
  exit 1
fi
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 12) ? 0 : 1)'; then
  echo "error: Node.js 20.12 or newer is needed, found $(node --version); install it from https://nodejs.org/" >&2
  exit 1
fi

stale() { [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; }
if stale; then
  mkdir -p .cache/locks
  (
    flock 9
    if stale; then
      # npm ci compiles the tap addon; a bare machine lacks the compiler.
      if [ "$(id -u)" = 0 ] && ! { command -v g++ && command -v make && command -v python3; } >/dev/null 2>&1; then
        echo "==> install Debian packages: g++ make python3" >&2
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends g++ make python3 >&2
      fi
      echo "==> install npm packages" >&2
      npm ci --no-fund --no-audit >&2
      touch node_modules/.package-lock.json
    fi
  ) 9>.cache/locks/npm
fi
if [ -e scripts/build.mjs ]; then node scripts/build.mjs >&2; fi
