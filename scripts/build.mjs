#!/usr/bin/env node
/**
 * Builds what `npx wow` (by the `bin` of package.json) and the appliance run:
 *
 *     build/wow.mjs                 the command itself: starts the program (agent/cli/start.ts)
 *     build/wow.cjs                 the program: one minified file with everything that it imports
 *     build/systeminformation.cjs   a quarter of all the code; loaded on first use, after the first seconds
 *     build/handlebars.cjs          renders HTCondor's configuration; loaded only on machines in a pool
 *     build/wow.cache               the program compiled by and for this Node; without it everything works, but slower
 *     build/sim.cjs                 the simulator for `wow sim` (sim/command.ts); not in appliances
 *     build/tap.node                the tap addon (build-addon.mjs)
 *
 *   node scripts/build.mjs [--force]
 *
 * Does nothing unless a source, a bundled package, the bundler or Node has changed. Each file is renamed into place, so
 * a running agent or another build never sees half a file. It is plain JavaScript, because `npm ci` runs it before
 * anything else can run.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const SELF = fileURLToPath(import.meta.url)
const ROOT = join(dirname(SELF), '..')
const BUILD = join(ROOT, 'build')
const BUNDLE = join(BUILD, 'wow.mjs')
/** Records what the last build read and wrote, the digest of both, and which Node ran it. */
const STAMP = join(BUILD, 'wow.mjs.stamp')
const ADDON_SCRIPT = join(ROOT, 'scripts/build-addon.mjs')
/** The Node that compiles the code cache. */
const NODE = `${process.version} ${process.arch}`

/** @type {import('esbuild').BuildOptions & { write: false, metafile: true }} */
const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  write: false,
  minify: true,
  platform: 'node',
  target: 'node20',
  mainFields: ['module', 'main'],
  legalComments: 'none',
  metafile: true,
  logLevel: 'error',
}

/** Packages that are kept out of the program, each in its own file beside it. */
const APART = ['systeminformation', 'handlebars']

/** The templates that the agent renders, and the module that their texts replace. */
const TEMPLATES = 'templates/condor'
const TEMPLATE_MODULE = /agent\/condor\/own-templates\.ts$/

/** What else changes the bundle: which bundler, and how it reads TypeScript. */
const SETTINGS = ['package-lock.json', 'tsconfig.json']

/** @param {readonly string[]} files */
function digestOf(files) {
  const hash = createHash('sha256')
  for (const file of files) hash.update(file).update(readFileSync(join(ROOT, file)))
  return hash.digest('hex')
}

function upToDate() {
  try {
    const { inputs, outputs, node, digest } = JSON.parse(readFileSync(STAMP, 'utf8'))
    return node === NODE && digest === digestOf([...inputs, ...outputs])
  } catch {
    // Never built, a file is missing, or the stamp is damaged: a new build repairs all of that.
    return false
  }
}

/**
 * @param {string} path
 * @param {string} data
 * @param {number} mode
 */
function writeWhole(path, data, mode) {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, data)
  chmodSync(temporary, mode)
  renameSync(temporary, path)
}

/**
 * Makes `require` of a package in `APART` load its own file.
 * @type {import('esbuild').Plugin}
 */
const apart = {
  name: 'apart',
  setup(build) {
    const filter = new RegExp(`^(${APART.join('|')})$`)
    build.onResolve({ filter }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: `./${path}.cjs`, external: true },
    )
  },
}

/**
 * Bundles the templates as texts: an installed agent has no checkout beside it.
 * @type {import('esbuild').Plugin}
 */
const templates = {
  name: 'templates',
  setup(build) {
    build.onLoad({ filter: TEMPLATE_MODULE }, () => {
      const texts = Object.fromEntries(
        templateFiles().map((file) => [basename(file), readFileSync(join(ROOT, file), 'utf8')]),
      )
      return { contents: `export const ownTemplates = () => (${JSON.stringify(texts)})`, loader: 'js' }
    })
  },
}

function templateFiles() {
  return readdirSync(join(ROOT, TEMPLATES)).map((name) => join(TEMPLATES, name))
}

/**
 * The program as start.ts takes it: its digest, then an expression; ASCII, and strict as its modules are.
 * @param {string} code
 */
function asProgram(code) {
  const ascii = code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const text = `(function (require, bundleUrl) { 'use strict'; ${ascii}\n})`
  return `// ${createHash('sha256').update(text).digest('hex')}\n${text}`
}

/** @param {import('esbuild').BuildResult<{ write: false }>} made */
function textOf(made) {
  return made.outputFiles[0]?.text ?? ''
}

async function bundle() {
  // Loaded late, because most runs have nothing to do.
  const { build } = await import('esbuild')
  const starter = await build({ ...COMMON, entryPoints: ['agent/cli/start.ts'], format: 'esm' })
  const program = await build({
    ...COMMON,
    entryPoints: ['agent/cli/wow.ts'],
    format: 'cjs',
    plugins: [apart, templates],
    define: { 'import.meta.url': 'bundleUrl' },
    // A script that is compiled from a cache has no loader for modules.
    supported: { 'dynamic-import': false },
  })
  const simulator = await build({
    ...COMMON,
    entryPoints: ['sim/command.ts'],
    format: 'cjs',
    // The simulator reports where its own code failed.
    minifyIdentifiers: false,
  })
  const others = []
  for (const name of APART) others.push({ name, made: await build({ ...COMMON, entryPoints: [name], format: 'cjs' }) })

  mkdirSync(BUILD, { recursive: true })
  /** @type {string[]} */
  const outputs = []
  let bytes = 0
  /** @type {(name: string, text: string, mode: number) => void} */
  const write = (name, text, mode) => {
    writeWhole(join(BUILD, name), text, mode)
    outputs.push(relative(ROOT, join(BUILD, name)))
    bytes += text.length
  }
  for (const { name, made } of others) write(`${name}.cjs`, textOf(made), 0o644)
  write('wow.cjs', asProgram(textOf(program).replace(/^#!.*\n/, '')), 0o644)
  write('sim.cjs', textOf(simulator), 0o644)
  write('wow.mjs', textOf(starter), 0o755)
  if (writeCodeCache()) outputs.push('build/wow.cache')

  const read = [starter, program, simulator, ...others.map(({ made }) => made)].flatMap(({ metafile }) =>
    Object.keys(metafile.inputs),
  )
  const bundled = [...new Set(read.filter((file) => existsSync(join(ROOT, file))))]
  const inputs = [...bundled, ...templateFiles(), ...SETTINGS, relative(ROOT, SELF)]
  const stamp = { inputs, outputs, node: NODE, digest: digestOf([...inputs, ...outputs]) }
  writeWhole(STAMP, JSON.stringify(stamp), 0o644)
  return bytes
}

/** Makes the code cache. It only saves time, so a Node that cannot make one does not fail the build. */
function writeCodeCache() {
  // Node's options are part of the cache, and a later run may not have those of the build.
  const env = { ...process.env, NODE_OPTIONS: '', WOW_CODE_CACHE: 'write' }
  const { status } = spawnSync(process.execPath, ['--random-seed=1', BUNDLE], { env, stdio: 'inherit' })
  if (status !== 0) console.warn('bundle: no code cache could be made; the agent starts without, more slowly')
  return status === 0
}

/** Lets `npx wow` in the checkout find the bundle beside all other commands, not in npm's own cache. */
function linkCommand() {
  const bin = join(ROOT, 'node_modules', '.bin')
  if (!existsSync(bin)) return
  const link = join(bin, 'wow')
  rmSync(link, { force: true })
  symlinkSync(relative(bin, BUNDLE), link)
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
    console.log(`bundle: built build/wow.{mjs,cjs,cache}, ${Math.round(bytes / 1024)} KiB, in ${seconds} s`)
  }
  linkCommand()
}

await main()
