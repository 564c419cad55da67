/** The measurements of one tunnel, from the left host to the right one. */

import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../lib/quantiles.ts'
import { type Conditions, isPlain } from './conditions.ts'
import { CONGESTION_CONTROL, type Pair } from './pair.ts'
import type { Programs, Tunnel } from './peer.ts'
import { cpuSeconds, memoryOf } from './processes.ts'

/** What was not measured, or failed, is missing. */
export interface Figures {
  /** TCP, Mbit/s. */
  readonly oneStream?: number
  readonly fourStreams?: number
  /** CPU time of both ends for a GB that arrived, s. */
  readonly cpuPerGB?: number
  /** UDP packets with 64 bytes of payload that arrived, thousands per second. */
  readonly kpps?: number
  /** Round trips, ms. */
  readonly idleP50?: number
  readonly idleP99?: number
  /** While one TCP stream runs. */
  readonly loadedP99?: number
  /** Memory of one end (the mean of both), after the load. */
  readonly rssMB?: number
  readonly pssMB?: number
}

export type Figure = keyof Figures

const STREAMS = 4
/** Payload of a UDP packet, bytes. */
const SMALL = 64
/** ping's interval, s. */
const PING_EVERY = 0.01
/** A ping that is answered later counts as if it took this long, s. */
const PING_LOST = 1
/** After this time a TCP stream is up to speed, ms. */
const RAMP_MS = 500
/** A program that runs longer than it was told hangs, s. */
const SLACK = 20

interface Step {
  readonly what: string
  /** Only where everything is measured. */
  readonly plainOnly: boolean
  readonly run: (bench: Bench) => Promise<Figures>
}

/** In this order: idle before load, memory after it. */
const STEPS: readonly Step[] = [
  { what: 'ping', plainOnly: true, run: (bench) => bench.idle() },
  { what: 'TCP, one stream', plainOnly: false, run: (bench) => bench.oneStream() },
  { what: 'TCP, four streams', plainOnly: false, run: (bench) => bench.fourStreams() },
  { what: 'ping under load', plainOnly: true, run: (bench) => bench.loaded() },
  { what: 'UDP packets', plainOnly: true, run: (bench) => bench.packets() },
  { what: 'memory', plainOnly: false, run: async (bench) => bench.memory() },
]

/** Measures what the conditions ask for; `failed` is told of a measurement that does not work. @throws without a way */
export async function measure(
  bench: Bench,
  conditions: Conditions,
  failed: (what: string, why: unknown) => void,
): Promise<Figures> {
  await bench.ready()
  let figures: Figures = {}
  for (const { what, plainOnly, run } of STEPS) {
    if (plainOnly && !isPlain(conditions)) continue
    try {
      figures = { ...figures, ...(await run(bench)) }
    } catch (error) {
      failed(what, error)
    }
  }
  return figures
}

export class Bench {
  readonly #pair: Pair
  readonly #tunnel: Tunnel
  readonly #seconds: number
  readonly #iperf: readonly string[]

  /** @param seconds time of one measurement */
  constructor(pair: Pair, tunnel: Tunnel, seconds: number, programs: Programs) {
    this.#pair = pair
    this.#tunnel = tunnel
    this.#seconds = seconds
    this.#iperf = programs('iperf3')
  }

  /** Waits until the tunnel carries something. */
  async ready(): Promise<void> {
    await this.#pair.left.reaches(this.#tunnel.target)
    this.#pair.right.tool([...this.#iperf, '--server'])
    await sleep(RAMP_MS)
  }

  async idle(): Promise<Figures> {
    const pings = await this.#pings()
    return { idleP50: quantile(pings, 0.5), idleP99: quantile(pings, 0.99) }
  }

  async oneStream(): Promise<Figures> {
    const before = await this.#spent()
    const oneStream = await this.#tcp()
    if (this.#pids.length === 0) return { oneStream }
    const after = await this.#spent()
    return { oneStream, cpuPerGB: (after.cpu - before.cpu) / (after.gigabytes - before.gigabytes) }
  }

  async fourStreams(): Promise<Figures> {
    return { fourStreams: await this.#tcp('--parallel', String(STREAMS)) }
  }

  async loaded(): Promise<Figures> {
    // The stream must outlast the pings.
    const stream = this.#tcp('--time', String(this.#seconds + 2))
    const [, pings] = await Promise.all([stream, sleep(RAMP_MS).then(() => this.#pings())])
    return { loadedP99: quantile(pings, 0.99) }
  }

  /** As many are sent as this machine can. */
  async packets(): Promise<Figures> {
    const { packets, lost_packets, seconds } = await this.#iperf3('--udp', '--bitrate', '0', '--length', String(SMALL))
    return { kpps: (packets - lost_packets) / seconds / 1_000 }
  }

  memory(): Figures {
    if (this.#pids.length === 0) return {}
    const { rssMB, pssMB } = memoryOf(this.#pids)
    const ends = this.#pair.hosts.length
    return { rssMB: rssMB / ends, pssMB: pssMB / ends }
  }

  get #pids(): readonly number[] {
    return this.#pair.hosts.flatMap(({ pids }) => pids)
  }

  async #spent(): Promise<{ cpu: number; gigabytes: number }> {
    const bytes = await this.#pair.right.received(this.#tunnel.device)
    return { cpu: cpuSeconds(this.#pids), gigabytes: bytes / 1e9 }
  }

  /** Round trips, ms. */
  async #pings(): Promise<number[]> {
    const count = Math.round(this.#seconds / PING_EVERY)
    const argv = ['-n', '-i', String(PING_EVERY), '-c', String(count), '-W', String(PING_LOST), this.#tunnel.target]
    // ping fails when no answer comes.
    const shown = await this.#pair.left.run(['sh', '-c', 'ping "$@" || true', 'ping', ...argv])
    const answered = [...shown.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms))
    const lost = Math.max(0, count - answered.length)
    return [...answered, ...Array.from({ length: lost }, () => PING_LOST * 1_000)]
  }

  async #tcp(...options: readonly string[]): Promise<number> {
    const { bits_per_second } = await this.#iperf3('--congestion', CONGESTION_CONTROL, ...options)
    return bits_per_second / 1e6
  }

  /** Runs iperf3 towards the right host, and returns what arrived there. */
  async #iperf3(...options: readonly string[]): Promise<Received> {
    const limit = ['timeout', String(this.#seconds + SLACK)]
    const client = [...this.#iperf, '--json', '--client', this.#tunnel.target, '--time', String(this.#seconds)]
    // It fails with a report that says why.
    const argv = ['-c', '"$@" || true', 'sh', ...limit, ...client, ...options]
    const report = JSON.parse((await this.#pair.left.run(['sh', ...argv])) || '{"error":"hangs"}')
    if (report.error !== undefined) throw new Error(report.error)
    return report.end.sum_received
  }
}

interface Received {
  readonly bits_per_second: number
  readonly seconds: number
  /** UDP: sent ones, and those of them that did not arrive. */
  readonly packets: number
  readonly lost_packets: number
}
