/**
 * The open part of a tunnel: sends packets in batches, limits the bytes in flight, and watches whether the peer is
 * alive.
 *
 * Guarantees: a packet costs no promise and no allocation: `append` copies it into the batch, `flush` sends the batch.
 * All counts belong to the session that `open` began last.
 */

import type { Clock } from '../../core/clock.ts'
import type { Counters } from '../../core/counters.ts'
import type { Address } from '../../overlay/address.ts'
import { ACK_BYTES, ACTIVE_MS, BATCH_BYTES, HEARTBEAT_MS, SILENCE_MS } from '../constants.ts'
import type { Carrier } from './carrier.ts'
import { dataPrefix, type TunnelMessage } from './messages.ts'
import { PacketBatch } from './packet-batch.ts'
import { SendWindow } from './send-window.ts'

export interface DataChannelParts {
  readonly peer: Address
  readonly tag: Uint8Array
  readonly carrier: Carrier
  readonly clock: Clock
  readonly counters: Counters
  /** Sends any message but data. */
  readonly send: (message: TunnelMessage) => void
}

export class DataChannel {
  readonly #parts: DataChannelParts
  readonly #createdAt: number
  readonly #batch = new PacketBatch()
  #session = 0
  #window = new SendWindow()
  /** Bytes of this session's data messages that arrived, and how many of them were acknowledged. */
  #received = 0
  #acknowledged = 0
  #rttMs: number | null = null
  #lastSent = Number.NEGATIVE_INFINITY
  #lastHeard = Number.NEGATIVE_INFINITY
  #lastPing = Number.NEGATIVE_INFINITY
  #answeredAt = Number.NEGATIVE_INFINITY

  constructor(parts: DataChannelParts) {
    this.#parts = parts
    this.#createdAt = parts.clock.now()
  }

  /** Smoothed round trip of handshakes and heartbeats, ms; null before the first. */
  get rttMs(): number | null {
    return this.#rttMs
  }

  /** Clock time at which the last heartbeat was sent that the peer has answered. */
  get answeredAt(): number {
    return this.#answeredAt
  }

  /** Clock time of the last packet sent or datagram heard, at first of the channel's creation. */
  get lastUsed(): number {
    return Math.max(this.#createdAt, this.#lastSent, this.#lastHeard)
  }

  /** Both ends proved their membership for `session`. The former session's batch is sent first. */
  open(session: number): void {
    this.flush()
    this.#session = session
    this.#lastHeard = this.#parts.clock.now()
    this.#window = new SendWindow()
    this.#received = 0
    this.#acknowledged = 0
    this.#batch.reset(dataPrefix(this.#parts.tag, session))
  }

  /** Copies one IP packet into the batch. Returns whether the batch holds packets, which the caller must flush. */
  append(packet: Uint8Array): boolean {
    if (this.#batch.lengthWith(packet.length) > BATCH_BYTES) this.flush()
    if (!this.#window.admits(this.#batch.length)) {
      this.#parts.counters.drop('window-full')
      return this.#batch.packets > 0
    }
    this.#batch.push(packet)
    return true
  }

  flush(): void {
    const { packets } = this.#batch
    if (packets === 0) return
    const { peer, carrier, clock, counters } = this.#parts
    const datagram = this.#batch.take()
    const now = clock.now()
    if (carrier.send(peer, datagram)) this.#window.sent(datagram.length, now)
    else counters.drop('carrier-full', packets)
    this.#lastSent = now
  }

  /** Drops the packets that wait to be sent. */
  drop(): void {
    if (this.#batch.packets > 0) this.#parts.counters.drop('peer-unreachable', this.#batch.packets)
    this.#batch.clear()
  }

  /** A packet went to the peer another way. */
  used(): void {
    this.#lastSent = this.#parts.clock.now()
  }

  /** A message of this session or the one before it came. */
  heard(): void {
    this.#lastHeard = this.#parts.clock.now()
  }

  /** A data message of this session with `bytes` of packets came: sends an acknowledgement every `ACK_BYTES`. */
  got(bytes: number): void {
    this.#received += this.#batch.prefixLength + bytes
    if (this.#received - this.#acknowledged < ACK_BYTES) return
    this.#acknowledged = this.#received
    this.#parts.send({ kind: 'ack', session: this.#session, received: this.#received })
  }

  onAck(received: number): void {
    this.#window.acknowledged(received, this.#parts.clock.now())
  }

  onPing(at: number): void {
    this.#parts.send({ kind: 'pong', session: this.#session, at, received: this.#received })
  }

  onPong(at: number, received: number): void {
    const now = this.#parts.clock.now()
    this.#window.ponged(at, received, now)
    if (at <= now) this.#answeredAt = Math.max(this.#answeredAt, at)
    this.measured(now - at)
  }

  /** The peer answered this node after `roundTrip` ms. */
  measured(roundTrip: number): void {
    this.heard()
    if (roundTrip < 0 || roundTrip > SILENCE_MS) return
    this.#rttMs = this.#rttMs === null ? roundTrip : this.#rttMs * 0.75 + roundTrip * 0.25
  }

  /** Packets went to the peer a short time ago. */
  get isUsed(): boolean {
    return this.#parts.clock.now() - this.#lastSent <= ACTIVE_MS
  }

  /** Pings when it is time and packets flow. `quiet`: the last ping was not answered. `silent`: none was for too long. */
  beat(): 'well' | 'quiet' | 'silent' {
    const now = this.#parts.clock.now()
    if (!this.isUsed || now - this.#lastPing < HEARTBEAT_MS) return 'well'
    const pinged = this.#lastPing > this.#lastHeard
    if (pinged && now - this.#lastHeard > SILENCE_MS) return 'silent'
    this.#lastPing = now
    this.ping()
    return pinged ? 'quiet' : 'well'
  }

  /** A heartbeat besides those of `beat`. */
  ping(): void {
    const at = Math.floor(this.#parts.clock.now())
    this.#window.pinged(at)
    this.#parts.send({ kind: 'ping', session: this.#session, at })
  }
}
