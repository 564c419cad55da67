/**
 * All sessions of one node, over one UDP socket. docs/protocol.md describes what goes over the wire.
 *
 * Guarantees: between two nodes stands at most one session, the same at both ends, also when both opened one at once. Beside
 * it stands for `BESIDE_MS` the one before, if that was with another endpoint: a copy of the peer may be there.
 * Whatever arrives from strangers changes nothing but counters, and bounded state for `HANDSHAKE_LIMIT_MS`.
 */

import { equal } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import type { KeyPair } from '../core/ed25519.ts'
import type { Random } from '../core/random.ts'
import type { Address } from '../overlay/address.ts'
import { BESIDE_MS, MAX_INCOMING_SESSIONS, REKEY_AFTER_MS, REKEY_AFTER_RECORDS } from './constants.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'
import { NO_SESSION, NodeKeys, type Purpose } from './handshake.ts'
import { networkOf } from './handshake-load.ts'
import { IncomingHandshakes, type Proven } from './incoming-handshakes.ts'
import { type Heard, OutgoingHandshake } from './outgoing-handshake.ts'
import { type Packet, parsePacket } from './packets.ts'
import { Receivers, type SessionGround } from './receivers.ts'
import { type CloseReason, closeReason } from './records.ts'
import { NodeSession, type Session } from './session.ts'
import { ASSUMED, type Silence } from './silence.ts'
import { Waiters } from './waiters.ts'

export type { PayloadKind, Session } from './session.ts'
export { SessionError, type SessionFailure } from './session-error.ts'

/** A handshake of ours, and the calls of `connect` that wait for it. */
interface Attempt {
  readonly handshake: OutgoingHandshake
  readonly waiters: Waiters
  /** Once it is proven, and waits for its word. */
  peer: Address | undefined
}

/** What this node has with one peer. */
interface Tie {
  /** `standsSince`: number of the event that it was. */
  session: NodeSession | undefined
  standsSince: number
  /** Our handshake that has proven the peer and waits for its word. */
  attempt: Attempt | undefined
  /** Calls that wait for the peer's own session. */
  readonly waiters: Waiters
  /** The session before, for a moment. */
  beside: NodeSession | undefined
}

export class Sessions {
  readonly counters = new Counters()
  readonly #ground: SessionGround
  readonly #incoming: IncomingHandshakes
  readonly #attempts = new Set<Attempt>()
  readonly #ties = new Map<Address, Tie>()
  #events = 0
  #incomingSessions = 0
  #stopped = false
  #onSession: ((session: Session) => void) | undefined

  /** `renewal` is for tests and benchmarks that cannot wait so long. */
  constructor(parts: {
    socket: DatagramSocket
    identity: KeyPair
    ringKey: Uint8Array | undefined
    clock: Clock
    random: Random
    /** For how long sessions may be silent; by default nobody measures. */
    silence?: Silence
    renewal?: SessionGround['renewal']
    setGate?: SessionGround['setGate']
    openerLeads?: boolean
    /** Whom a stranger's rate of handshakes counts for; undefined: his network. */
    networkOf?: SessionGround['networkOf']
  }) {
    const { socket, clock, random } = parts
    this.#ground = {
      socket,
      clock,
      random,
      counters: this.counters,
      keys: new NodeKeys(parts.identity, parts.ringKey, random),
      receivers: new Receivers(random),
      setGate: parts.setGate,
      openerLeads: parts.openerLeads ?? false,
      networkOf: parts.networkOf ?? networkOf,
      silence: parts.silence ?? ASSUMED,
      renewal: parts.renewal ?? { afterMs: REKEY_AFTER_MS, afterRecords: REKEY_AFTER_RECORDS },
    }
    this.#incoming = new IncomingHandshakes(
      this.#ground,
      () => ++this.#events,
      (proven) => this.#judge(proven),
    )
    socket.onDatagram = (datagram, from) => this.receive(datagram, from)
  }

  /** Sessions that others opened. `connect` may bring the same one, when both sides connect at once. */
  set onSession(handler: (session: Session) => void) {
    this.#onSession = handler
  }

  /**
   * The session with the node at `to`: a new one, or the one that stands between the two nodes.
   *
   * @throws SessionError, or the reason of `signal`
   */
  connect(to: UdpEndpoint, expected?: Address, signal?: AbortSignal): Promise<Session> {
    const waiters = new Waiters(() => this.#abandon(attempt))
    const promise = waiters.wait(this.#ground.clock, to, expected, signal)
    if (this.#stopped) waiters.fail('stopped', 'This node is stopping.')
    if (waiters.size === 0) return promise
    const attempt: Attempt = {
      waiters,
      peer: undefined,
      handshake: new OutgoingHandshake(this.#ground, to, {
        onPeer: (peer) => this.#identified(attempt, peer),
        onFirstRecord: (heard, peer) => this.#answered(attempt, peer, heard),
      }),
    }
    this.#attempts.add(attempt)
    return promise
  }

  /** The network says that nobody listens at an endpoint any more. Anybody may have said it, so the sessions there ask. */
  refused(endpoint: UdpEndpoint): void {
    for (const { session, beside } of this.#ties.values()) {
      for (const each of [session, beside]) if (each?.remote === endpoint) each.refused()
    }
  }

  /** Ends all sessions. The socket stays open: its owner closes it. */
  stop(): void {
    this.#stopped = true
    this.#incoming.close()
    for (const attempt of [...this.#attempts]) {
      attempt.waiters.fail('stopped', 'This node is stopping.')
      this.#abandon(attempt)
    }
    for (const tie of [...this.#ties.values()]) {
      tie.waiters.fail('stopped', 'This node is stopping.')
      tie.beside?.close(false)
      tie.session?.close(false)
    }
  }

  /** Takes a datagram that came to the socket, or to another one of this node. */
  receive(datagram: Uint8Array, from: UdpEndpoint): void {
    if (this.#stopped) return
    const packet = parsePacket(datagram)
    const dropped = packet === undefined ? 'unknown-datagram' : this.#take(packet, from, datagram.length)
    if (dropped !== undefined) this.counters.drop(dropped)
  }

  /** Returns why the packet is dropped; undefined when it was taken. */
  #take(packet: Packet, from: UdpEndpoint, length: number): string | undefined {
    // Probes are for the sockets of a fan (socket-fan.ts); to this one they open a NAT.
    if (packet.kind === 'probe') return 'stray-probe'
    if (packet.kind === 'first') return this.#incoming.receive(packet, from)
    return this.#hand(packet.receiver)(packet, from, length)
  }

  #hand(index: number) {
    return this.#ground.receivers.find(index) ?? (() => 'unknown-receiver')
  }

  #tie(peer: Address): Tie {
    const known = this.#ties.get(peer)
    if (known !== undefined) return known
    const waiters = new Waiters(() => this.#forgetIfEmpty(peer))
    const tie: Tie = { session: undefined, standsSince: 0, attempt: undefined, waiters, beside: undefined }
    this.#ties.set(peer, tie)
    return tie
  }

  #forgetIfEmpty(peer: Address): void {
    const tie = this.#ties.get(peer)
    if (tie === undefined || tie.session !== undefined || tie.attempt !== undefined) return
    if (tie.waiters.size === 0) this.#ties.delete(peer)
  }

  /** Nobody waits for the attempt any more. */
  #abandon(attempt: Attempt): void {
    this.#attempts.delete(attempt)
    attempt.handshake.close()
    if (attempt.peer === undefined) return
    this.#tie(attempt.peer).attempt = undefined
    this.#forgetIfEmpty(attempt.peer)
  }

  /** The peer of an attempt is proven: says what to ask of it, or gives the attempt up. */
  #identified(attempt: Attempt, peer: Address): Purpose | undefined {
    const { waiters, handshake } = attempt
    if (peer === this.#ground.keys.self) waiters.fail('self', `The node at ${handshake.to} is this one, or a copy.`)
    waiters.expect(peer)
    if (waiters.size === 0) {
      this.#abandon(attempt)
      return undefined
    }
    const tie = this.#tie(peer)
    if (tie.attempt !== undefined) {
      waiters.moveTo(tie.attempt.waiters)
      this.#abandon(attempt)
      return undefined
    }
    tie.attempt = attempt
    attempt.peer = peer
    return tie.session === undefined
      ? { kind: 'open', session: NO_SESSION }
      : { kind: 'unless', session: tie.session.id }
  }

  /** The peer has taken or refused the attempt. */
  #answered(attempt: Attempt, peer: Address, heard: Heard): void {
    const tie = this.#tie(peer)
    this.#attempts.delete(attempt)
    tie.attempt = undefined
    const { waiters, handshake } = attempt
    if (heard.record.type !== 'close') {
      const session = this.#stand(tie, { peer, outgoing: true, remote: handshake.to, keys: heard.keys })
      waiters.resolve(session)
      tie.waiters.resolve(session)
      session.take(heard)
      return
    }
    handshake.close()
    if (closeReason(heard.record.body) !== 'duplicate') waiters.fail('refused', `The node at ${handshake.to} refuses.`)
    else if (tie.session !== undefined) waiters.resolve(tie.session)
    else waiters.moveTo(tie.waiters)
    this.#forgetIfEmpty(peer)
  }

  /** Says whether a peer gets the session that it asks for, and makes it. */
  #judge({ peer, purpose, keys, remote, heardAs }: Proven): CloseReason | undefined {
    if (peer === this.#ground.keys.self) return 'closed'
    const known = this.#ties.get(peer)
    const standing = known?.session
    if (purpose.kind === 'rekey') {
      if (standing === undefined || standing.outgoing || !equal(standing.id, purpose.session)) return 'unknown'
      standing.renew(keys)
      standing.confirm()
      // The peer may have moved since it last sent a record; the first answer to the new keys would go astray.
      standing.heardFrom(remote)
      return undefined
    }
    if (known !== undefined && this.#isDuplicate(known, peer, purpose, heardAs)) return 'duplicate'
    if (this.#incomingSessions >= MAX_INCOMING_SESSIONS) return 'full'
    const tie = this.#tie(peer)
    if (tie.attempt !== undefined) {
      tie.attempt.waiters.moveTo(tie.waiters)
      this.#abandon(tie.attempt)
    }
    const session = this.#stand(tie, { peer, outgoing: false, remote, keys })
    session.confirm()
    this.#onSession?.(session)
    tie.waiters.resolve(session)
    return undefined
  }

  /**
   * Whether a session of ours is the one that both ends keep. When both asked at once, the one that the node with the
   * smaller address asked for is kept. Otherwise the peer has no session any more, and its new one counts.
   */
  #isDuplicate(tie: Tie, peer: Address, purpose: Purpose, heardAs: number): boolean {
    if (purpose.kind === 'unless') {
      const own = [tie.session?.id, tie.attempt?.handshake.id]
      if (own.some((id) => id !== undefined && equal(id, purpose.session))) return true
    }
    if (this.#ground.keys.self > peer) return false
    if (tie.attempt !== undefined) return true
    return tie.session?.outgoing === true && heardAs < tie.standsSince
  }

  /** Makes a session, in the place of a former one with the same peer. */
  #stand(tie: Tie, parts: { peer: Address; outgoing: boolean; remote: UdpEndpoint; keys: Heard['keys'] }): NodeSession {
    const former = tie.session
    const session: NodeSession = new NodeSession(this.#ground, {
      ...parts,
      onEnd: () => {
        if (!parts.outgoing) this.#incomingSessions--
        if (tie.session === session) tie.session = tie.beside
        if (tie.session === tie.beside || tie.beside === session) tie.beside = undefined
        this.#forgetIfEmpty(parts.peer)
      },
    })
    if (!parts.outgoing) this.#incomingSessions++
    tie.session = session
    tie.standsSince = ++this.#events
    if (former !== undefined) this.#supersede(tie, former, session)
    for (const attempt of [...this.#attempts]) {
      if (attempt.peer === undefined && attempt.handshake.to === session.remote) this.#satisfy(attempt, session)
    }
    return session
  }

  /** At the same endpoint, the peer has started again. Elsewhere it may be a copy, which the owner is to find out. */
  #supersede(tie: Tie, former: NodeSession, session: NodeSession): void {
    tie.beside?.close()
    if (former.remote === session.remote) {
      former.close()
      return
    }
    tie.beside = former
    this.#ground.clock.after(BESIDE_MS, () => {
      if (tie.beside === former) former.close()
    })
  }

  /** The node that an attempt asks has opened a session by itself. */
  #satisfy(attempt: Attempt, session: NodeSession): void {
    attempt.waiters.expect(session.peer)
    attempt.waiters.resolve(session)
    this.#abandon(attempt)
  }
}
