/** Medians, ratios, targets and tables of what was measured. */

import { markdownTable } from '../../scripts/lib/table.ts'
import { quantile } from '../lib/quantiles.ts'
import { atLeast, atMost, rounded, type Target, under } from '../lib/targets.ts'
import { CASES } from './conditions.ts'
import type { Figure, Figures } from './measure.ts'

/** One peer over one line in one round. */
export interface Sample extends Figures {
  readonly round: number
  readonly case: string
  readonly peer: string
}

export const OURS = 'wow'
/** No tunnel. */
export const RAW = 'raw'

export interface Column {
  readonly figure: Figure
  readonly title: string
  readonly unit: string
}

export const COLUMNS: readonly Column[] = [
  { figure: 'oneStream', title: 'TCP, one stream', unit: 'Mbit/s' },
  { figure: 'fourStreams', title: 'TCP, four streams', unit: 'Mbit/s' },
  { figure: 'kpps', title: 'UDP packets of 64 B', unit: 'kpps' },
  { figure: 'idleP50', title: 'ping idle, p50', unit: 'ms' },
  { figure: 'idleP99', title: 'ping idle, p99', unit: 'ms' },
  { figure: 'loadedP99', title: 'ping under load, p99', unit: 'ms' },
  { figure: 'cpuPerGB', title: 'CPU of both ends', unit: 's/GB' },
  { figure: 'rssMB', title: 'memory of one end, RSS', unit: 'MB' },
  { figure: 'pssMB', title: 'memory of one end, PSS', unit: 'MB' },
]

/** The median over all rounds; undefined when it was never measured. */
export function median(samples: readonly Sample[], line: string, peer: string, figure: Figure): number | undefined {
  const values = samples
    .filter((sample) => sample.case === line && sample.peer === peer)
    .map((sample) => sample[figure])
    .filter((value) => value !== undefined)
  return values.length === 0 ? undefined : quantile(values, 0.5)
}

/** Ours as a multiple of the largest of the others', within each round: the median of the rounds. */
function ratio(
  samples: readonly Sample[],
  line: string,
  figure: Figure,
  others: readonly string[],
): number | undefined {
  const here = samples.filter((sample) => sample.case === line && sample[figure] !== undefined)
  const ratios = here
    .filter(({ peer }) => peer === OURS)
    .flatMap((ours) => {
      const rivals = here.filter(({ round, peer }) => round === ours.round && others.includes(peer))
      const best = Math.max(...rivals.map((rival) => rival[figure]!))
      return rivals.length === 0 ? [] : [ours[figure]! / best]
    })
  return ratios.length === 0 ? undefined : quantile(ratios, 0.5)
}

/** The targets of what was measured. */
export function targetsOf(samples: readonly Sample[]): Target[] {
  const peers = [...new Set(samples.map(({ peer }) => peer))].filter((peer) => peer !== OURS && peer !== RAW)
  const loaded = median(samples, 'plain', OURS, 'loadedP99')
  const times = (name: string, least: number, line: string, figure: Figure, others: readonly string[]) => {
    const measured = ratio(samples, line, figure, others)
    return measured === undefined ? [] : [atLeast(name, 'x', least, measured)]
  }
  const idle = ratio(samples, 'plain', 'idleP50', ['nebula'])
  return [
    ...times('TCP, one stream, of wireguard-go', 1.5, 'plain', 'oneStream', ['wireguard-go']),
    ...times('TCP, one stream, of nebula', 8, 'plain', 'oneStream', ['nebula']),
    ...times('TCP, one stream, of raw veth', 1 / 3, 'plain', 'oneStream', [RAW]),
    ...times('TCP, four streams, of the best peer', 1.5, 'plain', 'fourStreams', peers),
    ...times('64 B packets, of the best peer', 2, 'plain', 'kpps', peers),
    ...(idle === undefined ? [] : [atMost('ping idle p50, of nebula', 'x', 1, idle)]),
    ...(loaded === undefined ? [] : [under('ping p99 while TCP runs', 'ms', 3, loaded)]),
    ...times('TCP at 20 ms and 1 % loss, of the best peer', 1, 'delay-20-loss-1', 'oneStream', peers),
  ]
}

/** The plain line with everything, then TCP over each line. */
export function tables(samples: readonly Sample[], peers: readonly string[]): string {
  const cell = (line: string, peer: string, figure: Figure) => shown(median(samples, line, peer, figure))
  const plain = markdownTable(
    ['', ...COLUMNS.map(({ title, unit }) => `${title}, ${unit}`)],
    peers.map((peer) => [peer, ...COLUMNS.map(({ figure }) => cell('plain', peer, figure))]),
  )
  const lines = CASES.filter(({ name }) => samples.some((sample) => sample.case === name))
  const tcp = markdownTable(
    ['', ...lines.map(({ title }) => title)],
    peers.map((peer) => [
      peer,
      ...lines.map(({ name }) => `${cell(name, peer, 'oneStream')} / ${cell(name, peer, 'fourStreams')}`),
    ]),
  )
  const parts = lines.some(({ name }) => name === 'plain') ? [plain] : []
  if (lines.some(({ name }) => name !== 'plain')) {
    parts.push('TCP over each line, one stream / four streams, Mbit/s:', tcp)
  }
  return parts.join('\n\n')
}

function shown(value: number | undefined): string {
  return value === undefined ? '–' : String(rounded(value))
}
