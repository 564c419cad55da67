/**
 * `make test`: runs all tests, in named stages.
 *
 *   ONLY=unit,sim npx tsx scripts/test.ts     # some stages
 *   ONLY=images npx tsx scripts/test.ts       # the long image matrix, which no other call runs
 *   FAILFAST=1 npx tsx scripts/test.ts        # stop at the first stage that fails
 *
 * Each stage ends with the closing lines of Node's own test runner; a table of all stages comes last. The exit code is
 * 0 only when every stage passed.
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError, WowError } from '../agent/core/errors.ts'
import { ROOT_PACKAGES } from '../lab/machine-root.ts'
import { LAB_PACKAGES } from '../lab/packages.ts'
import { MAPPER_PACKAGES } from '../lab/port-mapper.ts'
import { PIPELINE_TOOLS, ROOTLESS_TOOLS } from './appliance/tools.ts'
import { ensurePackages } from './lib/apt.ts'
import { run } from './lib/main.ts'
import { inRoot } from './lib/paths.ts'
import { say, sinceStart, step } from './lib/progress.ts'
import { columns } from './lib/table.ts'

/** Clients that tests run besides dhclient; `dhcpcd-base` is dhcpcd without the service that takes over the machine. */
const CLIENT_PACKAGES = ['dhcpcd-base', 'udhcpc']
/** To boot what was baked; `make appliance` installs what baking needs. */
const MACHINE_PACKAGES = ['ovmf', 'qemu-system-x86', 'qemu-utils']

interface Stage {
  readonly name: string
  readonly about: string
  readonly packages: readonly string[]
  /** Whether a file below test/ belongs to the stage; undefined: the stage runs no tests. */
  readonly has: ((file: string) => boolean) | undefined
  /** Number of test files that run at the same time. */
  readonly concurrency: number
  /** A stage that takes longer hangs, min. */
  readonly limitMin: number
  /** `make test` leaves it out. */
  readonly onlyIfAsked?: boolean
}

const isMachine = (file: string) => file.startsWith('image/') && file.endsWith('.e2e.test.ts')
/** Long tests, which run only when asked for. */
const isMatrix = (file: string) => file.startsWith('image/') && file.endsWith('.long.test.ts')
const isPool = (file: string) => file === 'lab/condor.test.ts'
const isLab = (file: string) => file.startsWith('lab/') && !isPool(file)
const isSim = (file: string) => file.startsWith('sim/')

const STAGES: readonly Stage[] = [
  {
    name: 'check',
    about: 'types, lint, format, the rules of the house',
    packages: [],
    has: undefined,
    concurrency: 1,
    limitMin: 5,
  },
  {
    name: 'unit',
    about: 'each part by itself',
    packages: [...PIPELINE_TOOLS, ...LAB_PACKAGES, ...CLIENT_PACKAGES],
    has: (file) => ![isMachine, isMatrix, isLab, isPool, isSim].some((is) => is(file)),
    concurrency: 2,
    limitMin: 30,
  },
  {
    name: 'sim',
    about: 'rings of many nodes in virtual time',
    packages: [],
    has: isSim,
    concurrency: 2,
    limitMin: 40,
  },
  {
    name: 'lab',
    about: 'real agents, taps and DHCP clients in network namespaces',
    packages: [...LAB_PACKAGES, ...CLIENT_PACKAGES, ...MAPPER_PACKAGES],
    has: isLab,
    concurrency: 1,
    limitMin: 20,
  },
  {
    name: 'condor',
    about: 'HTCondor on whole machines, over real agents and taps',
    packages: [...LAB_PACKAGES, ...ROOT_PACKAGES],
    has: isPool,
    concurrency: 1,
    limitMin: 20,
  },
  {
    name: 'image',
    about: 'appliances, built and booted',
    packages: [...LAB_PACKAGES, ...MACHINE_PACKAGES],
    has: isMachine,
    concurrency: 1,
    limitMin: 60,
  },
  {
    name: 'images',
    about: 'every format on the hardware it is for, VirtualBox as a judge, copies, customised bases',
    packages: [...LAB_PACKAGES, ...MACHINE_PACKAGES, ...ROOTLESS_TOOLS, 'genisoimage', 'mtools'],
    has: isMatrix,
    concurrency: 1,
    limitMin: 120,
    onlyIfAsked: true,
  },
]

interface Result {
  readonly stage: Stage
  readonly ok: boolean
  readonly seconds: number
  /** The closing lines of the test runner: `# tests 12`, `# pass 12`, … */
  readonly closing: readonly string[]
}

/** The run was ended from outside: no further stage begins. */
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true
  })
}

await run(async () => {
  const wanted = wantedStages(process.env.ONLY ?? '')
  const packages = [...new Set(wanted.flatMap((stage) => stage.packages))].sort()
  if (process.platform === 'linux') await ensurePackages(packages)
  await step('build the agent', () => succeed('node', ['scripts/build.mjs']))
  const results: Result[] = []
  for (const stage of wanted) {
    const result = await runStage(stage)
    results.push(result)
    if (!result.ok && process.env.FAILFAST) break
  }
  process.stdout.write(`\n${summary(results)}\n`)
  say(`All of it took ${sinceStart()}.`)
  if (results.some(({ ok }) => !ok)) process.exitCode = 1
})

/** @throws InputError that lists the stages there are */
function wantedStages(only: string): Stage[] {
  const names = only.split(/[\s,]+/).filter(Boolean)
  const unknown = names.find((name) => !STAGES.some((stage) => stage.name === name))
  if (unknown !== undefined) {
    const known = STAGES.map(({ name }) => name).join(', ')
    throw new InputError('STAGE_UNKNOWN', `ONLY=${only}: there is no stage ${unknown}.`, `Give some of: ${known}.`)
  }
  return STAGES.filter(({ name, onlyIfAsked }) => names.includes(name) || (names.length === 0 && onlyIfAsked !== true))
}

async function runStage(stage: Stage): Promise<Result> {
  say(`==> ${stage.name}: ${stage.about}`)
  const since = performance.now()
  const { ok, closing } = stage.has === undefined ? await check() : await runTests(stage, stage.has)
  const seconds = (performance.now() - since) / 1000
  say(`    ${ok ? 'passed' : 'FAILED'} after ${seconds.toFixed(1)} s: ${stage.name}`)
  return { stage, ok, seconds, closing }
}

async function check(): Promise<Pick<Result, 'ok' | 'closing'>> {
  const code = await ends('node', ['--import', 'tsx', inRoot('scripts', 'check.ts')], 5)
  return { ok: code === 0, closing: [] }
}

async function runTests(stage: Stage, has: (file: string) => boolean): Promise<Pick<Result, 'ok' | 'closing'>> {
  const folder = inRoot('test')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && has(file))
    .sort()
  if (files.length === 0) throw new WowError('NO_TESTS', `The stage ${stage.name} has no tests.`, 'See test/.')
  const scratch = mkdtempSync(join(tmpdir(), 'wow-test-'))
  try {
    const report = join(scratch, 'report.tap')
    // One report for people as tests run, and one to read the closing lines from.
    const reporters = ['spec', 'stdout', 'tap', report]
    const argv = ['--import', 'tsx', '--test', `--test-concurrency=${stage.concurrency}`]
    for (const [index, value] of reporters.entries()) {
      argv.push(index % 2 === 0 ? `--test-reporter=${value}` : `--test-reporter-destination=${value}`)
    }
    const code = await ends('node', [...argv, ...files.map((file) => join('test', file))], stage.limitMin)
    const closing = closingLines(readFileSync(report, 'utf8'))
    process.stdout.write(`${closing.join('\n')}\n`)
    return { ok: code === 0 && closing.length > 0, closing }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The counts at the end of a TAP report; they start with its last plan. */
function closingLines(tap: string): string[] {
  const lines = tap.trimEnd().split('\n')
  return lines.slice(lines.findLastIndex((line) => !line.startsWith('# ')) + 1)
}

/** Shows a command's output and returns its exit code. @throws when ended from outside, so that no stage follows. */
async function ends(command: string, argv: readonly string[], limitMin: number): Promise<number> {
  const program = command === 'node' ? process.execPath : command
  const child = spawn(program, argv, { cwd: inRoot(), stdio: ['ignore', 'inherit', 'inherit'] })
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGTERM')
  }, limitMin * 60_000)
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (...ended) => resolve(ended))
  }).finally(() => clearTimeout(timer))
  if (late) say(`    ended after ${limitMin} min: it seems to hang`)
  else if (interrupted || signal !== null) throw new WowError('INTERRUPTED', `${command} was ended.`, 'Run it again.')
  return late ? 1 : (code ?? 1)
}

async function succeed(command: string, argv: readonly string[]): Promise<void> {
  const code = await ends(command, argv, 10)
  if (code !== 0) throw new WowError('BUILD_FAILED', `${argv.join(' ')} ended with ${code}.`, 'See what it said above.')
}

function summary(results: readonly Result[]): string {
  const count = ({ closing }: Result, what: string) =>
    closing.find((line) => line.startsWith(`# ${what} `))?.split(' ')[2] ?? '-'
  const rows = results.map((result) => [
    result.stage.name,
    result.ok ? 'passed' : 'FAILED',
    ...['pass', 'fail', 'skipped'].map((what) => count(result, what)),
    result.seconds.toFixed(1),
  ])
  return columns(['STAGE', 'RESULT', 'PASS', 'FAIL', 'SKIPPED', 'SECONDS'], rows)
}
