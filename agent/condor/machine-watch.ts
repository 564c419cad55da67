/** Watches the machine's hardware, its battery and its owner's activity, and passes on what matters. */

import { type Clock, every, type Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { Hardware } from './configuration.ts'
import { askHardware, askPower } from './hardware.ts'
import { machineAd, readReport } from './owner.ts'

/** How long after the first address the hardware is read, when the rush is over, and how often the battery, ms. */
const HARDWARE_DELAY_MS = 10_000
const POWER_PERIOD_MS = 60_000
/** How often the owner's report is passed on, ms: as often as HTCondor reads it. */
const OWNER_PERIOD_MS = 5_000

export interface MachineWatchParts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Where the host reports its owner's activity; undefined: it is not needed. */
  readonly owner: string | undefined
  readonly onHardware: () => void
  /** Takes ClassAd attributes. It may throw: the next report follows soon. */
  readonly onReport: (attributes: string) => void
}

export class MachineWatch {
  readonly #parts: MachineWatchParts
  #timers: Timer[] = []
  #hardware: Hardware | undefined
  #onBattery = false

  constructor(parts: MachineWatchParts) {
    this.#parts = parts
  }

  /** undefined until the hardware has been read. */
  get hardware(): Hardware | undefined {
    return this.#hardware
  }

  get onBattery(): boolean {
    return this.#onBattery
  }

  start(): void {
    const { clock, random, owner } = this.#parts
    this.#timers = [
      clock.after(HARDWARE_DELAY_MS, () => void this.#learnHardware()),
      every(clock, random, POWER_PERIOD_MS, () => void this.#learnPower()),
    ]
    if (owner === undefined) return
    this.#passReport(owner)
    this.#timers.push(every(clock, random, OWNER_PERIOD_MS, () => this.#passReport(owner)))
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel()
  }

  async #learnHardware(): Promise<void> {
    const { log, onHardware } = this.#parts
    try {
      this.#hardware = await askHardware()
    } catch (error) {
      log.warn('the machine says nothing about itself', { reason: messageOf(error) })
      return
    }
    await this.#learnPower()
    onHardware()
  }

  async #learnPower(): Promise<void> {
    if (this.#hardware?.hasBattery !== true) return
    // A battery that cannot be read counts as not in use.
    this.#onBattery = await askPower().then(
      ({ onBattery }) => onBattery,
      () => false,
    )
  }

  #passReport(owner: string): void {
    try {
      this.#parts.onReport(machineAd(readReport(owner, Date.now()), this.#onBattery))
    } catch (error) {
      this.#parts.log.warn("the owner's report cannot be passed on", { reason: messageOf(error) })
    }
  }
}
