/**
 * `make bench-tunnel`: what a tunnel of ours carries, beside other programs' tunnels between the same two hosts.
 *
 *   ROUNDS=5 PEERS=raw,wow,nebula CASES=plain,loss-1 npx tsx bench/tunnel.ts
 *
 * Two network namespaces have a line between them (`bench/tunnel/conditions.ts`). Each tunnel in turn is set up as its
 * manual recommends, measured and removed; a round measures all of them over every line, so that what else the machine
 * does strikes all alike. The others are programs of Debian sid (`bench/tunnel/programs.ts`). Writes
 * bench/results/tunnel.json, .md and .svg. SHORT=1 measures for one second each. Nothing stays behind.
 */

import { cpus, loadavg, release } from 'node:os'
import { messageOf } from '../agent/core/errors.ts'
import { VERSION } from '../agent/version.ts'
import { needLab } from '../lab/lab.ts'
import { LAB_PACKAGES } from '../lab/packages.ts'
import { ensurePackages } from '../scripts/lib/apt.ts'
import { run } from '../scripts/lib/main.ts'
import { say, step } from '../scripts/lib/progress.ts'
import { columns } from '../scripts/lib/table.ts'
import { machineFacts, someOf, wholeNumber } from './lib/environment.ts'
import { type Bar, type Panel, panelsPlot } from './lib/panels-plot.ts'
import { writeResults, writeTables } from './lib/results.ts'
import { rounded, TARGET_HEADER, targetRow } from './lib/targets.ts'
import { CASES, type Conditions, isPlain } from './tunnel/conditions.ts'
import { Bench, measure } from './tunnel/measure.ts'
import { CONGESTION_CONTROL, Pair } from './tunnel/pair.ts'
import type { Peer, Programs } from './tunnel/peer.ts'
import { PEERS } from './tunnel/peers/all.ts'
import { debianPrograms, FETCHERS, type ProgramSet } from './tunnel/programs.ts'
import { COLUMNS, median, OURS, RAW, type Sample, tables, targetsOf } from './tunnel/report.ts'

/** Time of one measurement, s. */
const SECONDS = process.env.SHORT ? 1 : 4

/** What a peer without packages needs. */
const NOTHING: ProgramSet = { versions: {}, programs: (name) => [name] }

interface Ready {
  readonly peer: Peer
  readonly programs: Programs
}

await run(async () => {
  needLab('The benchmark', 'bench-tunnel')
  const rounds = wholeNumber('ROUNDS', 5, 50)
  const lines = someOf('CASES', CASES)
  const wanted = someOf('PEERS', PEERS)
  await ensurePackages([...LAB_PACKAGES, ...FETCHERS, 'openssl'])
  const iperf = await debianPrograms('iperf3', ['iperf3'])
  const versions: Record<string, string> = { [OURS]: VERSION, linux: release(), ...iperf.versions }
  const peers = await prepare(wanted, versions)

  const [when, machine] = [new Date().toISOString(), machineFacts()]
  const samples: Sample[] = []
  for (let round = 1; round <= rounds; round++) {
    for (const line of lines) {
      await step(`round ${round} of ${rounds}: ${line.title}`, async () => {
        for (const ready of rotated(peers, round)) {
          const figures = await measureOne(ready, line, iperf.programs)
          if (figures !== undefined) samples.push({ round, case: line.name, peer: ready.peer.name, ...figures })
        }
      })
    }
  }
  const settings = { rounds, seconds: SECONDS, congestionControl: CONGESTION_CONTROL }
  publish({ when, machine, loadAfter: loadavg()[0], versions, ...settings }, samples)
})

/** Fetches their programs; one that cannot be had is left out. */
async function prepare(wanted: readonly Peer[], versions: Record<string, string>): Promise<Ready[]> {
  const ready: Ready[] = []
  for (const peer of wanted) {
    try {
      const set = peer.packages.length === 0 ? NOTHING : await debianPrograms(peer.name, peer.packages)
      Object.assign(versions, set.versions)
      ready.push({ peer, programs: set.programs })
    } catch (error) {
      say(`    ${peer.name} is left out, as Debian sid does not give it: ${messageOf(error)}`)
    }
  }
  return ready
}

/** Undefined when the tunnel does not come up; then says why. */
async function measureOne({ peer, programs }: Ready, line: Conditions, tools: Programs) {
  const pair = await Pair.open(line)
  try {
    const tunnel = await peer.open(pair, programs)
    const bench = new Bench(pair, tunnel, SECONDS, tools)
    const figures = await measure(bench, line, (what, why) =>
      say(`    ${peer.name}: ${what} failed: ${firstLine(why)}`),
    )
    const shown = COLUMNS.flatMap(({ figure, unit }) => {
      const value = figures[figure]
      return value === undefined ? [] : [`${rounded(value)} ${unit}`]
    })
    say(`    ${peer.name}: ${shown.join(', ')}`)
    return figures
  } catch (error) {
    say(`    ${peer.name} is left out here: ${messageOf(error)}`)
    return undefined
  } finally {
    pair.close()
  }
}

function publish(facts: object, samples: readonly Sample[]): void {
  const peers = PEERS.map(({ name }) => name).filter((name) => samples.some(({ peer }) => peer === name))
  const targets = targetsOf(samples)
  const markdown = tables(samples, peers)
  const { name = '' } = CASES.find(isPlain) ?? {}
  const everything = COLUMNS.map(({ figure, title, unit }) => panel(`${title}, ${unit}`, name, figure))
  const tcp = CASES.filter((line) => !isPlain(line)).map((line) =>
    panel(`TCP, ${line.title}, Mbit/s`, line.name, 'oneStream'),
  )
  const caption = `two hosts on one machine with ${cpus().length} cores; ours in green; the line without a tunnel in grey, cut off`
  writeTables('tunnel', `${markdown}\n`)
  const svg = panelsPlot(
    caption,
    [...everything, ...tcp].filter(({ bars }) => bars.length > 0),
  )
  writeResults('tunnel', { ...facts, targets, samples }, svg)
  process.stdout.write(`\n${markdown}\n\n${columns(TARGET_HEADER, targets.map(targetRow))}\n\n`)

  function panel(title: string, line: string, figure: (typeof COLUMNS)[number]['figure']): Panel {
    const bars = peers.flatMap((label) => {
      const value = median(samples, line, label, figure)
      return value === undefined ? [] : [{ label, value, kind: kindOf(label) }]
    })
    return { title, bars }
  }
}

function kindOf(peer: string): Bar['kind'] {
  return peer === OURS ? 'ours' : peer === RAW ? 'reference' : 'other'
}

/** Each round begins with another one. */
function rotated<T>(all: readonly T[], by: number): T[] {
  const at = by % all.length
  return [...all.slice(at), ...all.slice(0, at)]
}

function firstLine(error: unknown): string {
  return messageOf(error).trim().split('\n')[0] ?? ''
}
