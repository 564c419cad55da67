/**
 * The open part of a tunnel: packets in batches, how much may be under way, and whether the peer is still there.
 *
 * Promise: no promise and no allocation per packet: `append` copies into the batch, `flush` sends it. What it counts is of
 * the session that `open` began last.
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
  /** Everything but data. */
  readonly send: (message: TunnelMessage) => void
}

export class DataChannel {
  readonly #parts: DataChannelParts
  readonly #createdAt: number
  readonly #batch = new PacketBatch()
  #session = 0
  #window = new SendWindow()
  /** Bytes of data messages of this session that arrived, and how many of them the peer knows of. */
  #received = 0
  #acknowledged = 0
  #rttMs: number | null = null
  #lastSent = Number.NEGATIVE_INFINITY
  #lastHeard = Number.NEGATIVE_INFINITY
  #lastPing = Number.NEGATIVE_INFINITY

  constructor(parts: DataChannelParts) {
    this.#parts = parts
    this.#createdAt = parts.clock.now()
  }

  /** Smoothed round trip of handshakes and heartbeats, ms; null before the first. */
  get rttMs(): number | null {
    return this.#rttMs
  }

  /** Clock time of the last packet sent or datagram heard, or of its making. */
  get lastUsed(): number {
    return Math.max(this.#createdAt, this.#lastSent, this.#lastHeard)
  }

  /** Both ends proved their membership for `session`. What the one before it gathered is sent first. */
  open(session: number): void {
    this.flush()
    this.#session = session
    this.#lastHeard = this.#parts.clock.now()
    this.#window = new SendWindow()
    this.#received = 0
    this.#acknowledged = 0
    this.#batch.reset(dataPrefix(this.#parts.tag, session))
  }

  /** Takes one IP packet (a copy); says whether the batch has begun, so that the caller flushes it. */
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

  /** Gives up what waits to be sent. */
  drop(): void {
    if (this.#batch.packets > 0) this.#parts.counters.drop('peer-unreachable', this.#batch.packets)
    this.#batch.clear()
  }

  /** Something of the session, or of the one before it, came. */
  heard(): void {
    this.#lastHeard = this.#parts.clock.now()
  }

  /** A data message of the session with `bytes` of packets came: now and then the peer is told how much arrived. */
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
    this.measured(now - at)
  }

  /** A question of this node was answered after `roundTrip` ms. */
  measured(roundTrip: number): void {
    this.heard()
    if (roundTrip < 0 || roundTrip > SILENCE_MS) return
    this.#rttMs = this.#rttMs === null ? roundTrip : this.#rttMs * 0.75 + roundTrip * 0.25
  }

  /** Pings while packets flow, when it is time; `silent`: the peer has not answered for too long. */
  beat(): 'well' | 'silent' {
    const now = this.#parts.clock.now()
    if (now - this.#lastSent > ACTIVE_MS || now - this.#lastPing < HEARTBEAT_MS) return 'well'
    const pinged = this.#lastPing > this.#lastHeard
    if (pinged && now - this.#lastHeard > SILENCE_MS) return 'silent'
    this.#lastPing = now
    const at = Math.floor(now)
    this.#window.pinged(at)
    this.#parts.send({ kind: 'ping', session: this.#session, at })
    return 'well'
  }
}
