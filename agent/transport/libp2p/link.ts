/**
 * One link: our frames on one long-lived libp2p stream.
 *
 * The side that dialled sends an empty frame first. Until something comes, the link is none for the other side: the dial may
 * have been called off while the stream was opened, and what is sent on such a stream is lost.
 *
 * libp2p's `send` queues without limit, so this file bounds the backlog: bulk frames that would wait too long are
 * dropped, and a link whose control frames pile up is closed. `onFrame` and `onClose` are always called from the event
 * loop, never from inside `send`, `close` or a setter.
 */

import type { Stream } from '@libp2p/interface'
import type { Clock, Timer } from '../../core/clock.ts'
import { FrameReader, FramingError, frameBytes, HEADER } from '../../core/framing.ts'
import type { Address } from '../../overlay/address.ts'
import { type Link, type LinkPath, MAX_FRAME, type Priority } from '../../overlay/link.ts'
import { BULK_BACKLOG, CONTROL_BACKLOG, FLUSH_LIMIT_MS } from '../constants.ts'
import { relayIn } from '../endpoints.ts'
import { Inbox } from '../inbox.ts'
import type { LinkCounters } from '../link-counters.ts'
import { updateWindowSeldom } from './window-updates.ts'

export interface LinkParts {
  readonly peer: Address
  readonly stream: Stream
  readonly outgoing: boolean
  readonly relayed: boolean
  readonly remote: string
  readonly clock: Clock
  readonly counters: LinkCounters
}

/** `closing`: one side closed the link and the stream is being flushed; the owner learns it at once. */
type State = 'open' | 'closing' | 'closed'

export class Libp2pLink implements Link {
  readonly peer: Address
  readonly outgoing: boolean
  readonly relayed: boolean
  readonly carrier = 'tcp'
  readonly remote: string

  readonly #stream: Stream
  readonly #clock: Clock
  readonly #counters: LinkCounters
  readonly #reader: FrameReader
  #state: State = 'open'
  /** Nothing has come yet on a link that the peer dialled. */
  #unopened: boolean
  /** Resolves when the peer has taken the link: true; or when it never will: false. */
  readonly opened: Promise<boolean>
  #resolveOpened: (isOpen: boolean) => void = () => {}
  readonly #inbox = new Inbox()
  #flushTimer: Timer | undefined
  /** Resolves when the stream has ended, so that its connection may be closed too. */
  readonly released: Promise<void>
  #resolveReleased: () => void = () => {}

  constructor(parts: LinkParts) {
    this.peer = parts.peer
    this.outgoing = parts.outgoing
    this.relayed = parts.relayed
    this.remote = parts.remote
    this.#stream = parts.stream
    this.#clock = parts.clock
    this.#counters = parts.counters
    this.#reader = new FrameReader(MAX_FRAME, (frame) => this.#receive(frame))
    this.released = new Promise((resolve) => {
      this.#resolveReleased = resolve
    })
    this.opened = new Promise((resolve) => {
      this.#resolveOpened = resolve
    })
    this.#unopened = !parts.outgoing
    updateWindowSeldom(this.#stream)
    this.#listen()
    if (!parts.outgoing) return
    this.#resolveOpened(true)
    this.send(new Uint8Array(0))
  }

  set onFrame(handler: (frame: Uint8Array) => void) {
    this.#inbox.onFrame = handler
  }

  set onClose(handler: () => void) {
    this.#inbox.onClose = handler
  }

  path(): LinkPath {
    const through = this.relayed ? relayIn(this.remote) : undefined
    return { kind: this.relayed ? 'relayed' : 'tcp', carrier: 'tcp', through, loss: undefined }
  }

  send(frame: Uint8Array, priority: Priority = 'control'): boolean {
    if (this.#state !== 'open') return false
    if (frame.length > MAX_FRAME) {
      this.#counters.oversized++
      return false
    }
    const backlog = this.#stream.writeBufferLength + HEADER + frame.length
    if (priority === 'bulk' && backlog > BULK_BACKLOG) {
      this.#counters.bulkDropped++
      return false
    }
    if (backlog > CONTROL_BACKLOG) {
      this.#counters.stuck++
      this.#stream.abort(new Error('too much is waiting to be sent'))
      return false
    }
    try {
      this.#stream.send(frameBytes(frame))
      return true
    } catch (error) {
      // The stream has ended; its close event is under way or has been handled.
      this.#stream.abort(error instanceof Error ? error : new Error(String(error)))
      return false
    }
  }

  /** Frames sent before are still delivered, if that takes less than `FLUSH_LIMIT_MS`. */
  close(): void {
    if (this.#state !== 'open') return
    this.#inbox.end(true)
    this.#end()
  }

  #listen(): void {
    this.#stream.addEventListener('message', (event) => {
      if (this.#state !== 'open') return
      try {
        if (event.data instanceof Uint8Array) this.#reader.push(event.data)
        else for (const part of event.data) this.#reader.push(part)
      } catch (error) {
        if (!(error instanceof FramingError)) throw error
        this.#counters.violations++
        this.#stream.abort(error)
      }
    })
    // The peer sends no more: a link has both directions or none.
    this.#stream.addEventListener('remoteCloseWrite', () => this.#end())
    this.#stream.addEventListener('close', () => this.#streamClosed())
    // The stream may have ended between the handshake and now, before these listeners existed.
    if (this.#stream.status !== 'open') this.#streamClosed()
    else if (this.#stream.remoteWriteStatus === 'closed') this.#end()
  }

  /** Stops frames in both directions; the stream ends when both sides have closed it, or is aborted. */
  #end(): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#inbox.end(false)
    this.#flushTimer = this.#clock.after(FLUSH_LIMIT_MS, () => this.#stream.abort(new Error('the peer did not close')))
    this.#stream.close().catch((error: unknown) => {
      this.#stream.abort(error instanceof Error ? error : new Error(String(error)))
    })
  }

  #streamClosed(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#flushTimer?.cancel()
    this.#inbox.end(false)
    this.#resolveOpened(false)
    this.#resolveReleased()
  }

  #receive(frame: Uint8Array): void {
    if (this.#state !== 'open') return
    const isFirst = this.#unopened
    this.#unopened = false
    if (isFirst) this.#resolveOpened(true)
    if (isFirst && frame.length === 0) return
    if (!this.#inbox.push(frame)) this.#stream.abort(new Error('nobody takes the frames'))
  }
}
