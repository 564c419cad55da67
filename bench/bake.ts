/**
 * `make bench-bake`: how fast images are made, how large they are, and what they cost when they run.
 *
 *   RUNS=5 COLD=5 BOOTS=5 npx tsx bench/bake.ts     # 0 leaves a part out
 *   FLAVOURS=minimal npx tsx bench/bake.ts          # sizes of these alone
 *
 * Compares medians with the targets; a part that is left out keeps its last figure. Writes bench/results/bake.json and
 * bake.svg, and prints a table. Cold builds use their own cache, so yours stays. Run it as root, because it also builds
 * the plain Debian for comparison.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { Machine } from '../lab/qemu.ts'
import { flavourNames, readFlavour } from '../scripts/appliance/base/flavour.ts'
import { type PackageLayer, packageLayer } from '../scripts/appliance/base/packages.ts'
import { FORMAT_NAMES } from '../scripts/appliance/formats/registry.ts'
import { parseMirror } from '../scripts/appliance/inputs.ts'
import { chooseAccelerator, extractKernel } from '../scripts/lib/accelerator.ts'
import { ensurePackages } from '../scripts/lib/apt.ts'
import { run } from '../scripts/lib/main.ts'
import { agentBundle, distFolder, inRoot } from '../scripts/lib/paths.ts'
import { say, step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { barsPlot } from './lib/bars-plot.ts'
import { machineFacts, wholeNumber } from './lib/environment.ts'
import { plainDebian } from './lib/plain-debian.ts'
import { quantile } from './lib/quantiles.ts'
import { resultsFile, writeResults } from './lib/results.ts'
import { atMost, TARGET_HEADER, type Target, targetRow } from './lib/targets.ts'

const BOOT_MS = 15 * 60_000
/** A machine idles for this long after its lease before its memory is read, ms. */
const IDLE_MS = 60_000
/** Most runs of each measurement. */
const MOST = 999
const SIZE_TARGETS_MB: Readonly<Record<string, number>> = { minimal: 160, condor: 210 }

const reportSchema = v.object({
  targets: v.array(
    v.object({ name: v.string(), unit: v.string(), target: v.number(), measured: v.number(), met: v.boolean() }),
  ),
  samples: v.record(v.string(), v.array(v.number())),
})

await run(async () => {
  const runs = wholeNumber('RUNS', 5, MOST, 0)
  const cold = wholeNumber('COLD', 5, MOST, 0)
  const boots = wholeNumber('BOOTS', 5, MOST, 0)
  const mirror = parseMirror((process.env.MIRROR ?? '').trim())
  await ensurePackages(['qemu-system-x86', 'qemu-utils'])
  const scratch = mkdtempSync(join(tmpdir(), 'wow-bench-'))
  const made: string[] = []
  const targets: Target[] = []
  const samples: Record<string, readonly number[]> = {}
  const note = (name: string, unit: string, target: number, values: readonly number[]) => {
    if (values.length === 0) return
    samples[name] = values
    targets.push(atMost(name, unit, target, Math.round(quantile(values, 0.5) * 100) / 100))
  }
  const home = join(scratch, 'home')
  const namespace = () => {
    const argv = [agentBundle, 'namespace', 'create', '--name', `bench${made.length}`, '--json']
    const { id } = JSON.parse(
      execFileSync(process.execPath, argv, { env: { ...process.env, WOW_HOME: home }, encoding: 'utf8' }),
    )
    made.push(id)
    return id as string
  }
  /** Seconds that `make appliance` takes for a new namespace. */
  const bake = (variables: Readonly<Record<string, string>>) => {
    const env = { ...process.env, ...variables, WOW_HOME: home, NS: namespace() }
    const since = performance.now()
    execFileSync('make', ['appliance'], { cwd: inRoot(), env, stdio: 'ignore' })
    return (performance.now() - since) / 1000
  }
  const times = (count: number, variables: Readonly<Record<string, string>>) =>
    Array.from({ length: count }, () => bake(variables))

  try {
    await step(`${cold} builds with nothing cached`, async () => {
      const values = Array.from({ length: cold }, (_, i) => bake({ WOW_CACHE: join(scratch, `cache${i}`) }))
      note('nothing cached: qcow2 + OVA', 's', 180, values)
      for (let i = 0; i < cold; i++) rmSync(join(scratch, `cache${i}`), { recursive: true, force: true })
    })
    const every = FORMAT_NAMES.join(',')
    if (runs > 0) await step('a cache to bake from', async () => void bake({ FORMATS: every }))
    await step(`${runs} more namespaces, qcow2 + OVA`, async () =>
      note('one more namespace: qcow2 + OVA', 's', 3, times(runs, { FORMATS: 'qcow2,ova' })),
    )
    await step(`${runs} more namespaces, every format`, async () =>
      note('one more namespace: every format', 's', 8, times(runs, { FORMATS: every })),
    )
    for (const flavour of wantedFlavours()) {
      await step(`size of ${flavour}`, async () => {
        bake({ FLAVOUR: flavour, FORMATS: 'qcow2' })
        note(`size of ${flavour}, qcow2`, 'MB', SIZE_TARGETS_MB[flavour] ?? 210, [sizeMb(made.at(-1) ?? '')])
      })
    }
    if (boots > 0) {
      const layer = await packageLayer(readFlavour('minimal'), mirror)
      bake({ FORMATS: 'qcow2' })
      await bootFigures({ image: imageOf(made.at(-1) ?? ''), layer, mirror, scratch, boots, note })
    }
    write(targets, samples)
  } finally {
    for (const id of made) rmSync(join(distFolder, id), { recursive: true, force: true })
    rmSync(scratch, { recursive: true, force: true })
  }
})

function wantedFlavours(): string[] {
  const wanted = process.env.FLAVOURS
  return wanted === undefined ? flavourNames() : wanted.split(',').filter((name) => name !== '')
}

function imageOf(id: string): string {
  const name = readdirSync(join(distFolder, id)).find((file) => file.endsWith('.qcow2'))
  if (name === undefined) throw new Error(`dist/${id} has no qcow2`)
  return join(distFolder, id, name)
}

function sizeMb(id: string): number {
  return statSync(imageOf(id)).size / 1e6
}

interface BootParts {
  readonly image: string
  readonly layer: PackageLayer
  readonly mirror: string | undefined
  readonly scratch: string
  readonly boots: number
  readonly note: (name: string, unit: string, target: number, values: readonly number[]) => void
}

/** Boots both machines in turn, so that other load on the host affects both alike. */
async function bootFigures({ image, layer, mirror, scratch, boots, note }: BootParts): Promise<void> {
  const kernel = join(scratch, 'vmlinuz')
  extractKernel(layer.tar, kernel)
  const accelerator = await chooseAccelerator(kernel)
  const plain = await step('a plain Debian to compare with', () =>
    plainDebian(readFlavour('minimal'), layer, mirror, scratch),
  )
  const ratios: number[] = []
  const memories: number[] = []
  await step(`${boots} boots of both under ${accelerator}`, async () => {
    for (let i = 0; i < boots; i++) {
      const toLogin = await bootTime(plain, /login: /)
      const toLease = await bootTime(image, /wow: phase=leased/, async (machine) => {
        if (memories.length === 0) memories.push(await idleMemory(machine))
      })
      ratios.push(toLease / toLogin)
      say(`    power-on to login ${toLogin.toFixed(1)} s, to the lease ${toLease.toFixed(1)} s`)
    }
  })
  note('boot to the lease / to a login of plain Debian', 'times', 1.2, ratios)
  note('memory of an idle guest', 'MB', 180, memories)

  /** Seconds from power-on until the serial console shows `sign`; then calls `also`. */
  async function bootTime(disk: string, sign: RegExp, also?: (machine: Machine) => Promise<void>): Promise<number> {
    const since = performance.now()
    const machine = Machine.boot({ image: disk, accelerator })
    try {
      await machine.waitFor(sign, BOOT_MS)
      const seconds = (performance.now() - since) / 1000
      await also?.(machine)
      return seconds
    } finally {
      await machine.stop()
    }
  }
}

/** Memory that is not available to other programs, as free(1) counts it, MB. */
async function idleMemory(machine: Machine): Promise<number> {
  await machine.waitFor(/wow@wow-[0-9a-f]{8}:/, BOOT_MS)
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
  const { output } = await machine.run("awk '/^Mem(Total|Available)/ { print $2 }' /proc/meminfo", BOOT_MS)
  const [total = 0, available = 0] = output.trim().split(/\s+/).map(Number)
  return ((total - available) * 1024) / 1e6
}

function formerReport(file: string): v.InferOutput<typeof reportSchema> {
  return existsSync(file) ? v.parse(reportSchema, JSON.parse(readFileSync(file, 'utf8'))) : { targets: [], samples: {} }
}

function write(targets: readonly Target[], samples: Readonly<Record<string, readonly number[]>>): void {
  const machine = machineFacts()
  const before = formerReport(resultsFile('bake'))
  const all = [...new Map([...before.targets, ...targets].map((target) => [target.name, target])).values()]
  const result = { when: new Date().toISOString(), machine, targets: all, samples: { ...before.samples, ...samples } }
  const caption = `Medians on ${machine.cores} cores (${machine.cpu}), Node ${machine.node}`
  process.stdout.write(`${columns(TARGET_HEADER, all.map(targetRow))}\n`)
  writeResults('bake', result, barsPlot(caption, all))
}
