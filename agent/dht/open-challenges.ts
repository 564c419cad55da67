/**
 * What replicas challenged this node's holders with, so that the next change of a holder answers at once. Forgets what can be
 * answered no more.
 */

import { hex } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import type { KeyPair } from '../core/ed25519.ts'
import { answer } from './challenges.ts'
import { CHALLENGE_MS } from './constants.ts'
import type { SubKey } from './dht.ts'
import type { Challenge, Change, Response } from './messages.ts'

interface Open {
  readonly challenges: readonly Challenge[]
  readonly until: number
}

export class OpenChallenges {
  readonly #clock: Clock
  /** By holder and sub-key, in the order in which they came. */
  readonly #open = new Map<string, Open>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `challenges`: the newest from the replicas of `subKey`; none: they want no answer. */
  keep(holder: KeyPair, subKey: SubKey, challenges: readonly Challenge[]): void {
    const name = nameOf(holder, subKey)
    this.#open.delete(name)
    if (challenges.length > 0) this.#open.set(name, { challenges, until: this.#clock.now() + CHALLENGE_MS })
    for (const [old, { until }] of this.#open) {
      if (until > this.#clock.now()) break
      this.#open.delete(old)
    }
  }

  /** The answer of `holder`, who signed `change`; undefined when nothing is to be answered. */
  answer(holder: KeyPair, subKey: SubKey, change: Change): Response | undefined {
    const open = this.#open.get(nameOf(holder, subKey))
    return open && answer(change, open.challenges, holder)
  }
}

function nameOf({ publicKey }: KeyPair, subKey: SubKey): string {
  return `${hex(publicKey)} ${subKey}`
}
