/**
 * The names that this node was given, and the addresses that they lead to now.
 *
 * Guarantees: a name is asked for once at a time, at most once a minute while it answers, and ever more rarely while it does
 * not; one that fails after it has answered leads where it led before. What went wrong last can be told to the user.
 */

import { Backoff } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { within } from '../core/deadline.ts'
import { WowError } from '../core/errors.ts'
import { parseGivenName } from './given-name.ts'
import { lookUp, type NameLookupParts } from './name-lookup.ts'

/** How long an answer is good, ms, and one lookup may take. */
const GOOD_FOR_MS = 60_000
const LOOKUP_LIMIT_MS = 10_000
/** First and longest pause after a lookup that failed, ms. */
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 60_000

interface Known {
  endpoints: readonly string[]
  failure: WowError | undefined
  nextAt: number
  running: Promise<void> | undefined
  readonly backoff: Backoff
}

export class GivenNames {
  readonly #clock: Clock
  readonly #parts: NameLookupParts
  readonly #known = new Map<string, Known>()

  constructor(clock: Clock, parts: NameLookupParts) {
    this.#clock = clock
    this.#parts = parts
  }

  /** Where `text` leads now. @throws WowError when that is not known, InputError when it is no name */
  async endpoints(text: string): Promise<readonly string[]> {
    const known = this.#entryFor(text)
    if (this.#clock.now() >= known.nextAt) {
      known.running ??= this.#ask(text, known).finally(() => {
        known.running = undefined
      })
      await known.running
    }
    if (known.endpoints.length === 0 && known.failure !== undefined) throw known.failure
    return known.endpoints
  }

  /** Why the last lookup of a name failed; undefined when it did not. */
  failure(text: string): WowError | undefined {
    return this.#known.get(text)?.failure
  }

  async #ask(text: string, known: Known): Promise<void> {
    const name = parseGivenName(text)
    const stop = new AbortController()
    try {
      const looking = lookUp(name, this.#parts, stop.signal)
      known.endpoints = await within(this.#clock, LOOKUP_LIMIT_MS, looking, () => late(text))
      known.failure = undefined
      known.backoff.reset()
      known.nextAt = this.#clock.now() + GOOD_FOR_MS
    } catch (error) {
      if (!(error instanceof WowError)) throw error
      known.failure = error
      known.nextAt = this.#clock.now() + known.backoff.next()
    } finally {
      stop.abort()
    }
  }

  #entryFor(text: string): Known {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const backoff = new Backoff({ minMs: RETRY_MIN_MS, maxMs: RETRY_MAX_MS })
    const entry: Known = { endpoints: [], failure: undefined, nextAt: 0, running: undefined, backoff }
    this.#known.set(text, entry)
    return entry
  }
}

function late(text: string): WowError {
  const hint = 'Check that this machine reaches the Internet, and its name server.'
  return new WowError('NAME_UNRESOLVED', `${text} gave no answer in ${LOOKUP_LIMIT_MS / 1_000} s.`, hint)
}
