/**
 * One measurement: whether an answer still gets in after a silence.
 *
 * Guarantees: no session is put at risk. The question goes out of a socket of its own, so it has its own mapping in each NAT and
 * its own state in each firewall on the way, which nothing else uses; the silence is that socket's.
 *
 * The witness is a peer that others can dial, so no NAT of its own is in the way. It answers at once, and after the silence once
 * more (late-answers.ts). Before that the two speak for longer than two seconds: Linux lets go of a flow that it takes for a single
 * question and its answer after 30 s already, and of a longer one after 120 s (net/netfilter/nf_conntrack_proto_udp.c).
 */

import { equal } from '../core/bytes.ts'
import { type Clock, sleep, type Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { PROBE_ANSWER_MS, PROBE_LATE_MS, PROBE_TALK_MS, PROBE_TRIES } from './constants.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'
import { answerBody, LATER_NONCE_BYTES, laterBody } from './late-answers.ts'
import type { Session } from './session.ts'

/** `unknown`: the witness did not answer at once, before the silence or after it. */
export type SilenceVerdict = 'held' | 'lost' | 'unknown'

export interface SilenceProbeParts {
  readonly clock: Clock
  readonly random: Pick<Random, 'bytes'>
  readonly witness: Session
  /** A socket of this node's machine, at any free port, that reaches the endpoint. */
  readonly openSocket: (to: UdpEndpoint) => Promise<DatagramSocket>
  /** Hands a datagram to the node's sessions; a record of the witness calls `SilenceProbe.onAnswer`. */
  readonly receive: (datagram: Uint8Array, from: UdpEndpoint) => void
}

export class SilenceProbe {
  readonly #parts: SilenceProbeParts
  readonly #nonce: Uint8Array
  #socket: DatagramSocket | undefined
  #isStopped = false
  /** A datagram of the probe's own socket is being looked at. */
  #isOwn = false
  #awaited: { body: Uint8Array; settle: (came: boolean) => void } | undefined

  constructor(parts: SilenceProbeParts) {
    this.#parts = parts
    this.#nonce = parts.random.bytes(LATER_NONCE_BYTES)
  }

  /** Takes about `silenceS` seconds. @param silenceS whole seconds, 1 to `LATER_MAX_S` @throws the system's error when there is no socket */
  async run(silenceS: number): Promise<SilenceVerdict> {
    const { witness, openSocket, receive, clock } = this.#parts
    const socket = await openSocket(witness.remote)
    if (this.#isStopped) socket.close()
    else this.#socket = socket
    socket.onDatagram = (datagram, from) => {
      this.#isOwn = true
      receive(datagram, from)
      this.#isOwn = false
    }
    try {
      if (!(await this.#asks(0))) return 'unknown'
      await sleep(clock, PROBE_TALK_MS)
      if (!(await this.#asks(silenceS))) return 'unknown'
      if (await this.#awaits(answerBody(silenceS, this.#nonce), silenceS * 1_000 + PROBE_LATE_MS)) return 'held'
      return (await this.#asks(0)) ? 'lost' : 'unknown'
    } finally {
      this.stop()
    }
  }

  /** The witness answered a question. */
  onAnswer(body: Uint8Array): void {
    const awaited = this.#awaited
    if (this.#isOwn && awaited !== undefined && equal(awaited.body, body)) awaited.settle(true)
  }

  stop(): void {
    this.#isStopped = true
    this.#socket?.close()
    this.#socket = undefined
    this.#awaited?.settle(false)
  }

  /** Whether the witness answers at once. */
  async #asks(afterS: number): Promise<boolean> {
    for (let tries = 0; tries < PROBE_TRIES && this.#socket !== undefined; tries++) {
      this.#parts.witness.askLater(this.#socket, laterBody(afterS, this.#nonce))
      if (await this.#awaits(answerBody(0, this.#nonce), PROBE_ANSWER_MS)) return true
    }
    return false
  }

  #awaits(body: Uint8Array, limitMs: number): Promise<boolean> {
    if (this.#socket === undefined) return Promise.resolve(false)
    return new Promise((resolve) => {
      const settle = (came: boolean) => {
        timer.cancel()
        this.#awaited = undefined
        resolve(came)
      }
      const timer: Timer = this.#parts.clock.after(limitMs, () => settle(false))
      this.#awaited = { body, settle }
    })
  }
}
