/** The calls of `connect` that wait for a session. */

import type { Clock, Timer } from '../core/clock.ts'
import { type Address, formatAddress } from '../overlay/address.ts'
import { HANDSHAKE_LIMIT_MS } from './constants.ts'
import type { UdpEndpoint } from './datagrams.ts'
import type { Session } from './session.ts'
import { SessionError, type SessionFailure } from './session-error.ts'

/** One call. It waits in one group at a time. */
class Waiter {
  readonly to: UdpEndpoint
  readonly expected: Address | undefined
  group: Waiters
  readonly resolve: (session: Session) => void
  readonly reject: (reason: unknown) => void
  timer: Timer | undefined
  stopListening: (() => void) | undefined

  constructor(
    group: Waiters,
    to: UdpEndpoint,
    expected: Address | undefined,
    outcome: { resolve: (session: Session) => void; reject: (reason: unknown) => void },
  ) {
    this.group = group
    this.to = to
    this.expected = expected
    this.resolve = outcome.resolve
    this.reject = outcome.reject
  }

  leave(): void {
    this.timer?.cancel()
    this.stopListening?.()
    this.group.remove(this)
  }
}

/** Calls that wait for the same thing. */
export class Waiters {
  readonly #waiting = new Set<Waiter>()
  readonly #onDeserted: () => void

  /** `onDeserted`: the last call has given up. */
  constructor(onDeserted: () => void) {
    this.#onDeserted = onDeserted
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Waits at most `HANDSHAKE_LIMIT_MS`. @throws SessionError, or the reason of `signal` */
  wait(clock: Clock, to: UdpEndpoint, expected?: Address, signal?: AbortSignal): Promise<Session> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const waiter = new Waiter(this, to, expected, { resolve, reject })
      const giveUp = (reason: unknown) => {
        const { group } = waiter
        waiter.leave()
        reject(reason)
        if (group.size === 0) group.#onDeserted()
      }
      const onAbort = () => giveUp(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      waiter.stopListening = () => signal?.removeEventListener('abort', onAbort)
      waiter.timer = clock.after(HANDSHAKE_LIMIT_MS, () =>
        giveUp(
          new SessionError('unreachable', `Nothing at ${to} has answered within ${HANDSHAKE_LIMIT_MS / 1_000} s.`),
        ),
      )
      this.#waiting.add(waiter)
    })
  }

  /** The calls now wait for what `others` waits for. */
  moveTo(others: Waiters): void {
    for (const waiter of this.#waiting) {
      waiter.group = others
      others.#waiting.add(waiter)
    }
    this.#waiting.clear()
  }

  /** Fails the calls that expected another node than `peer`. */
  expect(peer: Address): void {
    for (const { expected, to } of [...this.#waiting]) {
      if (expected === undefined || expected === peer) continue
      this.#failEach(
        (waiter) => waiter.expected === expected && waiter.to === to,
        'wrong-peer',
        `The node at ${to} is ${formatAddress(peer)}, not ${formatAddress(expected)}.`,
      )
    }
  }

  fail(failure: SessionFailure, message: string): void {
    this.#failEach(() => true, failure, message)
  }

  resolve(session: Session): void {
    for (const waiter of [...this.#waiting]) {
      waiter.leave()
      waiter.resolve(session)
    }
  }

  remove(waiter: Waiter): void {
    this.#waiting.delete(waiter)
  }

  #failEach(which: (waiter: Waiter) => boolean, failure: SessionFailure, message: string): void {
    for (const waiter of [...this.#waiting].filter(which)) {
      waiter.leave()
      waiter.reject(new SessionError(failure, message))
    }
  }
}
