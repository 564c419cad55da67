/**
 * One link over UDP: the frames of a node session's reliable stream.
 *
 * An empty frame of the stream announces a word about the link (words.ts) in the frame after it; any other frame is the
 * owner's. A session becomes a link when the node that dialled says `open`, so a session that lost a race of dials never is
 * one. `bye` comes after every control frame that was sent before; whoever gets it closes the session. Words are control
 * frames, so no frame comes between the two.
 */

import type { Clock, Timer } from '../../core/clock.ts'
import { DecodeError, decode, encode } from '../../core/codec.ts'
import type { Random } from '../../core/random.ts'
import { type Address, formatAddress } from '../../overlay/address.ts'
import { type Link, type LinkPath, MAX_FRAME, type Priority } from '../../overlay/link.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import { RELAY_ROOM } from '../../underlay/relay-socket.ts'
import { ReliableStream } from '../../underlay/reliable-stream.ts'
import type { Session } from '../../underlay/sessions.ts'
import { parseUdpEndpoint } from '../../underlay/udp-endpoint.ts'
import { FLUSH_LIMIT_MS, OPEN_LIMIT_MS } from '../constants.ts'
import { udpMultiaddr } from '../endpoints.ts'
import { Inbox } from '../inbox.ts'
import type { LinkCounters } from '../link-counters.ts'
import { udpPath } from './link-path.ts'
import { type FanWord, type Word, wordCodec } from './words.ts'

/** A word follows. */
const MARK = new Uint8Array(0)

export interface UdpLinkParts {
  readonly session: Session
  readonly clock: Clock
  readonly random: Random
  readonly counters: LinkCounters
  /** The node that carries the session's datagrams now; undefined: none. It may change. */
  readonly relay?: () => Address | undefined
  /** A payload came that belongs to no stream. */
  readonly onDatagram?: (payload: Uint8Array) => void
  /** The peer, which dialled, wants the session to be a link. */
  readonly onOpen?: () => void
  /** The peer says where it sees this node, or whether it carries. */
  readonly onSeen?: (endpoint: UdpEndpoint) => void
  /** The peer says something about a fan. */
  readonly onFan?: (word: FanWord) => void
  /** The first bulk frame is sent: the link carries data. */
  readonly onData?: () => void
}

/**
 * `opening`: the peer has not said yet that this is a link. `closing`: this side closed the link, and waits for the peer
 * to have taken what was sent before.
 */
type State = 'opening' | 'open' | 'closing' | 'closed'

export class UdpLink implements Link {
  readonly peer: Address
  readonly outgoing: boolean
  readonly relayed: boolean
  readonly carrier = 'udp'
  readonly session: Session

  readonly #stream: ReliableStream
  readonly #clock: Clock
  readonly #counters: LinkCounters
  readonly #relay: (() => Address | undefined) | undefined
  readonly #onOpen: (() => void) | undefined
  readonly #onSeen: ((endpoint: UdpEndpoint) => void) | undefined
  readonly #onFan: ((word: FanWord) => void) | undefined
  #onData: (() => void) | undefined
  readonly #inbox = new Inbox()
  /** The peer says that it carries sessions for others, which can dial it. */
  carries = false
  #state: State
  /** The next frame is a word. */
  #marked = false
  /** Ends the states `opening` and `closing`. */
  #timer: Timer | undefined
  /** Resolves when the session has been closed. */
  readonly released: Promise<void>
  #resolveReleased: () => void = () => {}
  /** Resolves when frames can be sent: true; or when they never will: false. */
  readonly opened: Promise<boolean>
  #resolveOpened: (isOpen: boolean) => void = () => {}

  constructor({ session, clock, random, counters, relay, onDatagram, onOpen, onSeen, onFan, onData }: UdpLinkParts) {
    this.peer = session.peer
    this.outgoing = session.outgoing
    this.relayed = relay !== undefined
    this.session = session
    this.#clock = clock
    this.#counters = counters
    this.#relay = relay
    this.#onOpen = onOpen
    this.#onSeen = onSeen
    this.#onFan = onFan
    this.#onData = onData
    this.released = new Promise((resolve) => {
      this.#resolveReleased = resolve
    })
    this.opened = new Promise((resolve) => {
      this.#resolveOpened = resolve
    })
    this.#stream = new ReliableStream({
      clock,
      random,
      maxSegment: session.maxPayload - (this.relayed ? RELAY_ROOM : 0),
      send: (segment) => session.send('control', segment),
    })
    session.roundTripMs = () => this.#stream.roundTripMs
    this.#stream.onFrame = (frame) => this.#receive(frame)
    this.#stream.onBroken = () => this.abort()
    session.onPayload = (kind, payload) => {
      if (kind === 'control') this.#stream.receive(payload)
      else onDatagram?.(payload)
    }
    session.onClose = () => this.abort()
    if (session.outgoing) {
      this.#state = 'open'
      this.#say({ kind: 'open' })
      this.#resolveOpened(true)
    } else {
      this.#state = 'opening'
      this.#timer = clock.after(OPEN_LIMIT_MS, () => this.abort())
    }
  }

  /** The node that carries the bytes now. */
  get relay(): Address | undefined {
    return this.#relay?.()
  }

  /** Where the peer is now; it may move. */
  get remote(): string {
    const { relay } = this
    return relay === undefined ? udpMultiaddr(this.session.remote).toString() : `udp through ${formatAddress(relay)}`
  }

  set onFrame(handler: (frame: Uint8Array) => void) {
    this.#inbox.onFrame = handler
  }

  set onClose(handler: () => void) {
    this.#inbox.onClose = handler
  }

  send(frame: Uint8Array, priority: Priority = 'control'): boolean {
    if (this.#state !== 'open') return false
    if (frame.length > MAX_FRAME) {
      this.#counters.oversized++
      return false
    }
    if (priority === 'bulk') this.#carriesData()
    if (frame.length === 0 ? this.#say({ kind: 'empty' }) : this.#stream.write(frame, priority)) return true
    if (priority === 'bulk') this.#counters.bulkDropped++
    else {
      this.#counters.stuck++
      this.abort()
    }
    return false
  }

  get quietMs(): number {
    return this.session.quietMs
  }

  path(endpoints: readonly string[]): LinkPath {
    const { relay, carries } = this
    return udpPath({ remote: this.session.remote, relay, carries, loss: this.#stream.lossShare }, endpoints)
  }

  /** Whether frames can be sent. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Frames sent before are still delivered, if that takes less than `FLUSH_LIMIT_MS`. */
  close(): void {
    if (this.#state === 'opening') this.abort()
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#inbox.end(true)
    this.#timer = this.#clock.after(FLUSH_LIMIT_MS, () => this.abort())
    if (!this.#say({ kind: 'bye' })) this.abort()
  }

  /** Tells the peer where it is seen, and whether this node carries. */
  tell(carries: boolean): void {
    if (this.#state === 'open') this.#say({ kind: 'seen', endpoint: this.session.remote, carries })
  }

  /** Says something about a fan. */
  say(word: FanWord): void {
    if (this.#state === 'open') this.#say(word)
  }

  #carriesData(): void {
    this.#onData?.()
    this.#onData = undefined
  }

  /** False when too much is waiting. */
  #say(word: Word): boolean {
    if (!this.#stream.write(MARK)) return false
    if (this.#stream.write(encode(wordCodec, word))) return true
    // The peer would take the next frame for the word.
    this.abort()
    return false
  }

  #receive(frame: Uint8Array): void {
    if (this.#marked) {
      this.#marked = false
      this.#hear(frame)
    } else if (frame.length === 0) this.#marked = true
    else this.#take(frame)
  }

  #hear(bytes: Uint8Array): void {
    const word = readWord(bytes)
    if (word?.kind === 'empty') this.#take(new Uint8Array(0))
    else if (word?.kind === 'bye') this.abort()
    else if (word?.kind === 'open' && this.#state === 'opening') {
      this.#state = 'open'
      this.#timer?.cancel()
      this.#resolveOpened(true)
      this.#onOpen?.()
    } else if (word?.kind === 'seen' && this.#state !== 'opening') this.#seen(word)
    else if ((word?.kind === 'fan' || word?.kind === 'aim') && this.#state !== 'opening') this.#onFan?.(word)
    else this.#violated()
  }

  #seen(word: { endpoint: string; carries: boolean }): void {
    const endpoint = parseUdpEndpoint(word.endpoint)
    if (endpoint === undefined) {
      this.#violated()
      return
    }
    this.carries = word.carries
    this.#onSeen?.(endpoint)
  }

  #take(frame: Uint8Array): void {
    if (this.#state === 'opening') this.#violated()
    else if (this.#state === 'open' && !this.#inbox.push(frame)) this.abort()
  }

  #violated(): void {
    this.#counters.violations++
    this.abort()
  }

  /** Ends the link and its session, whatever is still to be sent. */
  abort(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#timer?.cancel()
    this.#inbox.end(false)
    this.#stream.close()
    this.session.close()
    this.#resolveReleased()
    this.#resolveOpened(false)
  }
}

/** undefined when the bytes are no word. */
function readWord(bytes: Uint8Array): Word | undefined {
  try {
    return decode(wordCodec, bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
