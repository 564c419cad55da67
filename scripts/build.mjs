#!/usr/bin/env node
/**
 * Builds what `npx wow` (by the `bin` of package.json) and the appliance run: build/wow.mjs, one minified file with
 * everything it imports, and beside it the tap addon (build-addon.mjs).
 *
 *   node scripts/build.mjs [--force]
 *
 * Does nothing when neither a source nor a bundled package has changed. The bundle is renamed into place, so that a
 * running agent or a build beside this one never sees half a file. Plain JavaScript: `npm ci` runs it before anything
 * else can run.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const SELF = fileURLToPath(import.meta.url)
const ROOT = join(dirname(SELF), '..')
const ENTRY = 'agent/cli/wow.ts'
const BUNDLE = join(ROOT, 'build/wow.mjs')
/** What the last build read, and the digest of all that and of what it wrote. */
const STAMP = join(ROOT, 'build/wow.mjs.stamp')
const ADDON_SCRIPT = join(ROOT, 'scripts/build-addon.mjs')

/** CommonJS packages inside the bundle call `require` for Node's own modules. The entry's `#!` line stays before this. */
const BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

function digestOf(files) {
  const hash = createHash('sha256')
  for (const file of files) hash.update(file).update(readFileSync(join(ROOT, file)))
  return hash.digest('hex')
}

function upToDate() {
  try {
    const { inputs, digest } = JSON.parse(readFileSync(STAMP, 'utf8'))
    return digest === digestOf([...inputs, relative(ROOT, BUNDLE)])
  } catch {
    // Never built, a file is gone, or the stamp is damaged: building again puts all of that right.
    return false
  }
}

function writeWhole(path, data, mode) {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, data)
  chmodSync(temporary, mode)
  renameSync(temporary, path)
}

async function bundle() {
  // Loaded late: most runs find nothing to do.
  const { build } = await import('esbuild')
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    banner: { js: BANNER },
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
  })
  const [output] = result.outputFiles
  mkdirSync(dirname(BUNDLE), { recursive: true })
  writeWhole(BUNDLE, output.contents, 0o755)
  const inputs = [
    ...Object.keys(result.metafile.inputs).filter((file) => existsSync(join(ROOT, file))),
    relative(ROOT, SELF),
  ]
  const digest = digestOf([...inputs, relative(ROOT, BUNDLE)])
  writeWhole(STAMP, JSON.stringify({ inputs, digest }), 0o644)
  return output.contents.length
}

async function main() {
  if (existsSync(ADDON_SCRIPT)) {
    const { status } = spawnSync(process.execPath, [ADDON_SCRIPT, ...process.argv.slice(2)], { stdio: 'inherit' })
    if (status !== 0) process.exitCode = 1
  }
  if (process.argv.includes('--force') || !upToDate()) {
    const start = performance.now()
    const bytes = await bundle()
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    console.log(`bundle: built build/wow.mjs, ${Math.round(bytes / 1024)} KiB, in ${seconds} s`)
  }
}

await main()
