import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'wow-start-'))
const starter = join(folder, 'wow.mjs')
const program = join(folder, 'wow.cjs')
const cache = join(folder, 'wow.cache')
after(() => rmSync(folder, { recursive: true }))

/** Writes a program in the form of scripts/build.mjs. */
function writeProgram(says: string): void {
  const text = `(function (require, bundleUrl) { const say = (what) => console.log(what, bundleUrl); say('${says}') })`
  writeFileSync(program, `// ${createHash('sha256').update(text).digest('hex')}\n${text}`)
}

function start(file = starter, { env = {}, flags = [] }: { env?: NodeJS.ProcessEnv; flags?: string[] } = {}) {
  const argv = [...flags, file, '--version']
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, {
    env: { ...process.env, NODE_OPTIONS: '', WOW_DEBUG: '1', ...env },
    encoding: 'utf8',
  })
  return { status, stdout: stdout.trim(), cache: /code cache: (.*)/.exec(stderr)?.[1], stderr: stderr.trim() }
}

function writeCache(flags = ['--random-seed=1']): Buffer {
  const { status, stderr } = start(starter, { env: { WOW_CODE_CACHE: 'write' }, flags })
  assert.equal(status, 0, stderr)
  return readFileSync(cache)
}

describe('the starter of the bundle', () => {
  buildSync({
    absWorkingDir: checkout,
    entryPoints: ['agent/cli/start.ts'],
    outfile: starter,
    bundle: true,
    platform: 'node',
    format: 'esm',
  })
  const runs = `hello file://${starter}`

  beforeEach(() => {
    rmSync(cache, { recursive: true, force: true })
    writeProgram('hello')
  })

  test('runs the program beside it, which learns where it is', () => {
    assert.deepEqual(start(), {
      status: 0,
      stdout: runs,
      cache: 'none that fits',
      stderr: 'wow: code cache: none that fits',
    })
  })

  test('takes what V8 compiled before, and leaves nothing else beside it', () => {
    writeCache()
    const { stdout, cache: state } = start()
    assert.deepEqual([stdout, state], [runs, 'used'])
    assert.deepEqual(readdirSync(folder).sort(), ['wow.cache', 'wow.cjs', 'wow.mjs'])
  })

  test('makes the same cache of the same program each time', () => {
    const first = writeCache()
    assert.ok(first.equals(writeCache()))
  })

  test('compiles the program when the cache is damaged, cut off or empty', () => {
    const whole = writeCache()
    for (const at of [0, 8, 20, whole.length >> 1, whole.length - 1]) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] ?? 0) ^ 1
      writeFileSync(cache, damaged)
      const { stdout, cache: state } = start()
      assert.deepEqual([stdout, state], [runs, 'none that fits'], `damaged at ${at}`)
    }
    for (const length of [whole.length - 8, 8, 3, 0]) {
      writeFileSync(cache, whole)
      truncateSync(cache, length)
      const { stdout, cache: state } = start()
      assert.deepEqual([stdout, state], [runs, 'none that fits'], `${length} bytes`)
    }
  })

  test('never runs the cache of another program, not even of one as long', () => {
    writeCache()
    writeProgram('howdy')
    const { stdout, cache: state } = start()
    assert.deepEqual([stdout, state], [`howdy file://${starter}`, 'none that fits'])
  })

  test('compiles the program under flags of Node that the cache was not made for', () => {
    writeCache()
    const { stdout, cache: state } = start(starter, { flags: ['--stack-size=500'] })
    assert.deepEqual([stdout, state], [runs, 'rejected'])
  })

  test('says what is missing when it was copied without the program', () => {
    rmSync(program)
    const { status, stderr } = start()
    assert.equal(status, 1)
    assert.match(stderr, /wow\.cjs/)
    assert.match(stderr, /node scripts\/build\.mjs/)
  })
})

const stamp = join(checkout, 'build/wow.mjs.stamp')
const builtByThisNode =
  existsSync(stamp) && JSON.parse(readFileSync(stamp, 'utf8')).node === `${process.version} ${process.arch}`

describe('the build', { skip: builtByThisNode ? false : 'not built by this Node' }, () => {
  test('starts from its code cache', () => {
    const { status, cache: state } = start(join(checkout, 'build/wow.mjs'))
    assert.deepEqual([status, state], [0, 'used'])
  })

  test('is made again when the bundler changes, or how it reads TypeScript', () => {
    const { inputs } = JSON.parse(readFileSync(stamp, 'utf8'))
    for (const file of ['package-lock.json', 'tsconfig.json', 'scripts/build.mjs'])
      assert.ok(inputs.includes(file), file)
  })

  test('has every file beside it that the program will ask for', () => {
    const needed = [...readFileSync(join(checkout, 'build/wow.cjs'), 'latin1').matchAll(/require\("\.\/([^"]+)"\)/g)]
    assert.ok(needed.length > 0)
    for (const [, name = ''] of needed) assert.ok(existsSync(join(checkout, 'build', name)), name)
  })
})
