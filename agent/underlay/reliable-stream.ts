/**
 * Frames, reliable and in order, over a carrier that may lose, double and reorder segments.
 *
 * What a `ReliableStream` guarantees, if both ends are one:
 * - every frame that `write` took arrives once, whole and unaltered, or the stream breaks;
 * - frames of one priority arrive in the order of `write`; control frames overtake bulk ones that wait;
 * - `write` never blocks; it returns false when too much waits, for bulk frames much earlier;
 * - handlers are never called from inside `write`, `close` or a setter; frames that arrive before `onFrame` is set wait;
 * - an idle stream sends nothing and has no timer;
 * - it holds at most `RECEIVE_WINDOW` bytes in blocks and one frame of what the peer sends, and of its own frames at
 *   most `RECEIVE_WINDOW` bytes that were sent and `CONTROL_BACKLOG` that wait;
 * - nothing that a peer sends makes it throw.
 *
 * Its own code, since no kept library runs in virtual time: udx-native 1.21 opens the socket itself (`uv_udp_init`) and
 * reads the time itself (`uv_now`), in C, and has no build without them.
 *
 * docs/protocol.md describes the segments.
 */

import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Priority } from '../overlay/link.ts'
import { Alarm, earlier } from './stream/alarm.ts'
import { Receiver } from './stream/receiver.ts'
import { decodeSegment, encodeSegment } from './stream/segments.ts'
import { Sender } from './stream/sender.ts'

export class ReliableStream {
  readonly #clock: Clock
  readonly #maxSegment: number
  readonly #send: (segment: Uint8Array) => void
  readonly #sender: Sender
  readonly #receiver: Receiver
  readonly #alarm: Alarm
  #flushes = false
  #closed = false
  #frameHandler: ((frame: Uint8Array) => void) | undefined
  #brokenHandler: ((reason: string) => void) | undefined
  /** Why the stream broke, until the owner knows. */
  #broken: string | undefined
  /** Segments that were none. */
  malformed = 0

  /**
   * @param parts.maxSegment the longest segment that `send` carries, bytes; at least 100
   * @param parts.send sends a segment, or loses it; it must not throw
   */
  constructor(parts: { clock: Clock; random: Random; maxSegment: number; send: (segment: Uint8Array) => void }) {
    this.#clock = parts.clock
    this.#maxSegment = parts.maxSegment
    this.#send = parts.send
    this.#sender = new Sender(parts)
    this.#receiver = new Receiver((frame) => {
      if (!this.#closed) this.#frameHandler?.(frame)
    })
    this.#alarm = new Alarm(parts.clock, () => this.#wake())
  }

  set onFrame(handler: (frame: Uint8Array) => void) {
    this.#frameHandler = handler
    queueMicrotask(() => {
      if (!this.#closed) this.#judge(this.#receiver.resume(this.#clock.now()))
      this.#flush()
    })
  }

  /** The peer answers nothing for so long that the stream is given up, or says what cannot be. Called once, with why. */
  set onBroken(handler: (reason: string) => void) {
    this.#brokenHandler = handler
    queueMicrotask(() => this.#tellBroken())
  }

  /**
   * Sends at most `MAX_FRAME` bytes, soon. False: the frame was dropped, because it is longer, because too much is
   * waiting, or because the stream has ended.
   */
  write(frame: Uint8Array, priority: Priority = 'control'): boolean {
    if (this.#closed || !this.#sender.write(frame, priority)) return false
    this.#flushSoon()
    return true
  }

  /** Share of this side's segments that were lost lately and sent again, 0 to 1. */
  get lossShare(): number {
    return this.#sender.lossShare
  }

  /** undefined: not measured yet. */
  get roundTripMs(): number | undefined {
    return this.#sender.roundTripMs
  }

  /** Takes a segment of the peer and keeps it: its bytes must not change any more. */
  receive(bytes: Uint8Array): void {
    if (this.#closed) return
    const segment = decodeSegment(bytes)
    if (segment === undefined) {
      this.malformed++
      return
    }
    const now = this.#clock.now()
    const { ack, numbered } = segment
    if (ack !== undefined) this.#judge(this.#sender.acknowledge(ack, now))
    if (numbered !== undefined && !this.#closed) this.#judge(this.#receiver.receive(numbered, now))
    this.#flushSoon()
  }

  /** Sends what may leave at once, and ends. The peer is not told. */
  close(): void {
    this.#flush()
    this.#end()
    this.#broken = undefined
  }

  #end(): void {
    this.#closed = true
    this.#alarm.stop()
  }

  #wake(): void {
    if (this.#sender.wake(this.#clock.now())) this.#flush()
    else this.#judge('The peer does not answer.')
  }

  /** Ends the stream if there is a reason to. */
  #judge(reason: string | undefined): void {
    if (reason === undefined || this.#closed) return
    this.#end()
    this.#broken = reason
    queueMicrotask(() => this.#tellBroken())
  }

  #tellBroken(): void {
    const reason = this.#broken
    if (reason === undefined || this.#brokenHandler === undefined) return
    this.#broken = undefined
    this.#brokenHandler(reason)
  }

  /** Frames that are written together share segments, and segments that arrive together share an acknowledgement. */
  #flushSoon(): void {
    if (this.#flushes) return
    this.#flushes = true
    queueMicrotask(() => {
      this.#flushes = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#closed) return
    const now = this.#clock.now()
    const takeAck = () => this.#receiver.takeAck(now, this.#maxSegment / 2)
    for (;;) {
      const segment = this.#sender.next(now, takeAck)
      if (segment === undefined) break
      this.#send(encodeSegment(segment))
    }
    if (this.#receiver.ackAt !== undefined && this.#receiver.ackAt <= now) {
      this.#send(encodeSegment({ ack: takeAck(), numbered: undefined }))
    }
    this.#alarm.set(earlier(this.#sender.wakeAt, this.#receiver.ackAt))
  }
}
