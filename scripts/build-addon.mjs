#!/usr/bin/env node
/**
 * Builds the addon: agent/native/ -> build/tap.node.
 *
 *   node scripts/build-addon.mjs [--force]
 *
 * Does nothing when the sources, this script, the platform and `CC` are those of the last build. The result is renamed
 * into place, so a running agent or another build never sees half a file. It is plain JavaScript, because `npm ci` runs
 * it before anything else can run.
 */

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const NATIVE = join(ROOT, 'agent/native')
/** By their endings, not by a list: a file that is new cannot be missing from the digest. */
const SOURCES = readdirSync(NATIVE)
  .filter((name) => /\.(c|h|gyp)$/.test(name))
  .sort()
const OUT = join(ROOT, 'build')
const ADDON = join(OUT, 'tap.node')
const STAMP = join(OUT, 'tap.node.stamp')

/** Headers installed beside the running node need no download. */
function nodeHeaders() {
  const prefix = join(dirname(process.execPath), '..')
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined
}

/** One N-API build serves every later Node, so Node's version does not count. */
function digestOfInputs() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${process.env.CC ?? ''}`)
  for (const name of SOURCES) hash.update(`\n${name}\n`).update(readFileSync(join(NATIVE, name)))
  hash.update(readFileSync(fileURLToPath(import.meta.url)))
  return hash.digest('hex')
}

/** @param {string} stamp */
function upToDate(stamp) {
  try {
    const [inputs, output] = readFileSync(STAMP, 'utf8').split('\n')
    return inputs === stamp && output === createHash('sha256').update(readFileSync(ADDON)).digest('hex')
  } catch {
    return false
  }
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(Object.assign(new Error(`exit code ${code}`), { output })),
    )
  })
}

/** @param {string} stamp */
async function build(stamp) {
  mkdirSync(OUT, { recursive: true })
  const workshop = mkdtempSync(join(OUT, '.addon-'))
  try {
    for (const name of SOURCES) copyFileSync(join(NATIVE, name), join(workshop, name))
    const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
    const headers = nodeHeaders()
    const args = ['rebuild', '-C', workshop, '--loglevel=warn', ...(headers ? [`--nodedir=${headers}`] : [])]
    await run(process.execPath, [nodeGyp, ...args], workshop)
    const built = join(workshop, 'build/Release/tap.node')
    const digest = createHash('sha256').update(readFileSync(built)).digest('hex')
    renameSync(built, ADDON)
    writeFileSync(`${STAMP}.tmp`, `${stamp}\n${digest}\n`)
    renameSync(`${STAMP}.tmp`, STAMP)
  } finally {
    rmSync(workshop, { recursive: true, force: true })
  }
}

async function main() {
  if (process.platform !== 'linux') {
    console.log('tap addon: only Linux has the tap; skipped')
    return
  }
  const stamp = digestOfInputs()
  if (!process.argv.includes('--force') && upToDate(stamp)) return
  const start = performance.now()
  try {
    await build(stamp)
    console.log(`tap addon: built build/tap.node in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  } catch (error) {
    if (error instanceof Error && 'output' in error) process.stderr.write(String(error.output))
    console.error(`tap addon: the build failed (${error instanceof Error ? error.message : error}).`)
    console.error('It needs a C++ compiler, make and python3: apt-get install g++ make python3')
    process.exitCode = 1
  }
}

await main()
