/**
 * Measures how long the machine has been suspended since this process began. Node's own clock (CLOCK_MONOTONIC) does not
 * count that time. CLOCK_BOOTTIME does; /proc/uptime shows it (proc(5)).
 *
 * Reading a file is slow, so it is read only when the wall clock has moved against the monotonic clock. It does so when the
 * machine wakes and when somebody sets the wall clock; setting it changes nothing here.
 */

import { closeSync, openSync, readSync } from 'node:fs'

/** A shorter difference is no sleep, ms: /proc/uptime counts hundredths of a second, and reading it takes a moment. */
const SHORTEST_MS = 100

export interface Clocks {
  /** CLOCK_MONOTONIC, ms. */
  monotonic(): number
  /** CLOCK_REALTIME, ms. */
  wall(): number
  /** CLOCK_BOOTTIME, ms; undefined where the system does not show it. */
  boot(): number | undefined
}

export class SuspendMeter {
  readonly #clocks: Clocks
  #wallAhead: number
  #bootAhead: number | undefined
  #suspendedMs = 0

  constructor(clocks: Clocks = SYSTEM) {
    this.#clocks = clocks
    this.#wallAhead = clocks.wall() - clocks.monotonic()
    this.#bootAhead = this.#readBootAhead()
  }

  /** Never decreases. */
  suspendedMs(): number {
    const wallAhead = this.#clocks.wall() - this.#clocks.monotonic()
    if (Math.abs(wallAhead - this.#wallAhead) < SHORTEST_MS) return this.#suspendedMs
    this.#wallAhead = wallAhead
    const bootAhead = this.#readBootAhead()
    if (bootAhead === undefined) return this.#suspendedMs
    const sleptMs = bootAhead - (this.#bootAhead ?? bootAhead)
    this.#bootAhead = bootAhead
    if (sleptMs >= SHORTEST_MS) this.#suspendedMs += sleptMs
    return this.#suspendedMs
  }

  #readBootAhead(): number | undefined {
    const boot = this.#clocks.boot()
    return boot === undefined ? undefined : boot - this.#clocks.monotonic()
  }
}

const SYSTEM: Clocks = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  boot: () => {
    const bytes = Buffer.alloc(64)
    try {
      const file = openSync('/proc/uptime', 'r')
      try {
        const length = readSync(file, bytes, 0, bytes.length, 0)
        const seconds = Number(bytes.toString('latin1', 0, length).split(' ')[0])
        return Number.isFinite(seconds) ? seconds * 1000 : undefined
      } finally {
        closeSync(file)
      }
    } catch {
      return undefined // No Linux.
    }
  },
}
