/**
 * The tunnels of one namespace: virtual IP -> node -> session, in both directions.
 *
 * Out: `send` finds the owner of an address (waiting briefly while it is asked for), hands the packet to that node's
 * session, and `flush` sends what one wake-up gathered for each peer as one datagram. In: only packets of an open
 * session come up, through `onPacket`.
 */

import { type Clock, every, type Timer } from '../../core/clock.ts'
import { DecodeError } from '../../core/codec.ts'
import type { Counters } from '../../core/counters.ts'
import type { Ip4 } from '../../core/ip.ts'
import type { Random } from '../../core/random.ts'
import type { NamespaceKeys } from '../../namespace/keys.ts'
import type { Address } from '../../overlay/address.ts'
import { HEARTBEAT_MS, HOLD_ADDRESSES, SESSION_IDLE_MS, SESSIONS } from '../constants.ts'
import { HoldQueue } from '../hold-queue.ts'
import type { Resolver } from '../resolver.ts'
import type { Carrier } from './carrier.ts'
import { decodeMessage, type TunnelMessage, tagOf } from './messages.ts'
import { eachPacket } from './packet-batch.ts'
import { Session } from './tunnel.ts'

export interface TunnelReport {
  readonly ip: Ip4
  readonly peer: Address
  readonly carrier: string
  /** Whether both ends have proved membership and packets flow. */
  readonly open: boolean
  /** null before the first measurement. */
  readonly rttMs: number | null
  readonly txBytes: number
  readonly rxBytes: number
}

/** One virtual IP behind one peer. */
interface Route {
  readonly ip: Ip4
  readonly session: Session
  txBytes: number
  rxBytes: number
}

export interface TunnelParts {
  readonly self: Address
  readonly carrier: Carrier
  readonly resolver: Resolver
  readonly keys: NamespaceKeys
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
}

export class Tunnels {
  readonly #parts: TunnelParts
  readonly #tag: Uint8Array
  readonly #sessions = new Map<Address, Session>()
  readonly #routes = new Map<Ip4, Route>()
  readonly #unresolved = new Map<Ip4, HoldQueue>()
  readonly #dirty = new Set<Session>()
  #onPacket: (peer: Address, packet: Uint8Array) => void = () => {}
  #heartbeat: Timer | undefined

  constructor(parts: TunnelParts) {
    this.#parts = parts
    this.#tag = tagOf(parts.keys)
    parts.carrier.onDatagram = (peer, datagram) => this.#receive(peer, datagram)
    parts.carrier.onDown = (peer) => this.#down(peer)
  }

  /** A packet of a proven member, valid only during the call; neither its header nor its addresses are checked yet. */
  set onPacket(handler: (peer: Address, packet: Uint8Array) => void) {
    this.#onPacket = handler
  }

  start(): void {
    const { clock, random } = this.#parts
    this.#heartbeat ??= every(clock, random, HEARTBEAT_MS / 2, () => this.#tick())
  }

  stop(): void {
    this.#heartbeat?.cancel()
    this.#heartbeat = undefined
    for (const session of this.#sessions.values()) session.close()
    for (const held of this.#unresolved.values()) held.drop('stopped')
    this.#sessions.clear()
    this.#routes.clear()
    this.#unresolved.clear()
    this.#dirty.clear()
  }

  /** Sends one packet towards `ip`; it is copied. Follow a batch of these with `flush`. */
  send(ip: Ip4, packet: Uint8Array): void {
    const owner = this.#parts.resolver.peek(ip)
    if (owner === undefined) this.#resolveFirst(ip, packet)
    else this.#sendTo(owner, ip, packet)
  }

  flush(): void {
    for (const session of this.#dirty) session.flush()
    this.#dirty.clear()
  }

  /** Tells `peer` that the address it sent to is not on this tap. */
  notMine(peer: Address, ip: Ip4): void {
    this.#sessions.get(peer)?.refuseAddress({ kind: 'notMine', ip })
  }

  /** Counts bytes of a packet that was delivered, under the virtual IP that it came from. */
  received(peer: Address, ip: Ip4, bytes: number): void {
    const session = this.#sessions.get(peer)
    if (session !== undefined) this.#routeTo(session, ip).rxBytes += bytes
  }

  /** Addresses with which packets were exchanged, in order. */
  reports(): TunnelReport[] {
    return [...this.#routes.values()]
      .sort((a, b) => a.ip - b.ip)
      .map(({ ip, session, txBytes, rxBytes }) => ({
        ip,
        peer: session.peer,
        carrier: session.carrier,
        open: session.isOpen,
        rttMs: session.rttMs,
        txBytes,
        rxBytes,
      }))
  }

  // ---- out -------------------------------------------------------------------------------------------------------

  #sendTo(owner: Address, ip: Ip4, packet: Uint8Array): void {
    if (owner === this.#parts.self) {
      // The DHT says that it is ours, yet nobody on this tap has it: a lease that a client has not taken up again.
      this.#parts.counters.drop('owner-is-self')
      return
    }
    const session = this.#sessionOf(owner)
    if (session === undefined) return
    this.#routeTo(session, ip).txBytes += packet.length
    if (session.append(packet)) this.#dirty.add(session)
  }

  #resolveFirst(ip: Ip4, packet: Uint8Array): void {
    const { resolver, counters, clock } = this.#parts
    if (resolver.isAbsent(ip)) {
      counters.drop('no-such-address')
      return
    }
    const waiting = this.#unresolved.get(ip)
    if (waiting !== undefined) {
      waiting.push(packet)
      return
    }
    if (this.#unresolved.size >= HOLD_ADDRESSES) {
      counters.drop('resolve-busy')
      return
    }
    const held = new HoldQueue(clock, counters)
    held.push(packet)
    this.#unresolved.set(ip, held)
    void resolver.resolve(ip).then((owner) => {
      if (this.#unresolved.get(ip) !== held) return
      this.#unresolved.delete(ip)
      if (owner === undefined) {
        held.drop('no-such-address')
        return
      }
      for (const each of held.take()) this.#sendTo(owner, ip, each)
      this.flush()
    })
  }

  #routeTo(session: Session, ip: Ip4): Route {
    const known = this.#routes.get(ip)
    if (known?.session === session) return known
    const route: Route = { ip, session, txBytes: 0, rxBytes: 0 }
    this.#routes.set(ip, route)
    return route
  }

  #sessionOf(peer: Address): Session | undefined {
    const known = this.#sessions.get(peer)
    if (known !== undefined) return known
    if (this.#sessions.size >= SESSIONS) {
      this.#parts.counters.drop('too-many-peers')
      return undefined
    }
    const { self, keys, carrier, clock, random, counters, resolver } = this.#parts
    const session = new Session(peer, {
      self,
      keys,
      tag: this.#tag,
      carrier,
      clock,
      random,
      counters,
      onUnreachable: (lost) => resolver.forget(lost),
    })
    this.#sessions.set(peer, session)
    return session
  }

  // ---- in --------------------------------------------------------------------------------------------------------

  #receive(peer: Address, datagram: Uint8Array): void {
    const message = this.#decode(datagram)
    if (message === undefined) return
    const session = this.#sessionOf(peer)
    if (session === undefined) return
    if (message.kind === 'notMine') {
      if (session.isOpen) this.#parts.resolver.invalidate(message.ip, peer)
      return
    }
    const packets = session.receive(message)
    if (packets === undefined) return
    const whole = eachPacket(packets, (packet) => this.#onPacket(peer, packet))
    if (!whole) this.#parts.counters.drop('tunnel-malformed')
  }

  #decode(datagram: Uint8Array): TunnelMessage | undefined {
    try {
      const message = decodeMessage(this.#tag, datagram)
      if (message === undefined) this.#parts.counters.drop('other-namespace')
      return message
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.#parts.counters.drop('tunnel-malformed')
      return undefined
    }
  }

  #down(peer: Address): void {
    const session = this.#sessions.get(peer)
    if (session === undefined) return
    session.down()
    this.#parts.resolver.suspect(peer)
  }

  #tick(): void {
    const longAgo = this.#parts.clock.now() - SESSION_IDLE_MS
    for (const session of this.#sessions.values()) {
      session.tick()
      if (session.lastUsed < longAgo) this.#forget(session)
    }
  }

  #forget(session: Session): void {
    session.close()
    this.#sessions.delete(session.peer)
    this.#dirty.delete(session)
    for (const [ip, route] of this.#routes) if (route.session === session) this.#routes.delete(ip)
  }
}
