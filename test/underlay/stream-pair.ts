/** Two streams that talk to each other over simulated lines. */

import { ReliableStream } from '../../agent/underlay/reliable-stream.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

export interface Weather {
  /** One way, ms. */
  delayMs: number
  /** Each segment takes up to this longer, ms. */
  jitterMs: number
  /** Shares of segments, 0 to 1. */
  loss: number
  duplicate: number
}

export const CALM: Readonly<Weather> = { delayMs: 25, jitterMs: 0, loss: 0, duplicate: 0 }

/** A router with a slow line behind it: segments queue, and are lost when the queue is full. */
export class Bottleneck {
  readonly #clock: VirtualClock
  readonly #rate: number
  readonly #buffer: number
  #freeAt = 0
  dropped = 0

  /** `rate`: bytes/ms; `buffer`: bytes. */
  constructor(clock: VirtualClock, { rate, buffer }: { rate: number; buffer: number }) {
    this.#clock = clock
    this.#rate = rate
    this.#buffer = buffer
  }

  /** How long the segment takes to get through, ms; undefined when it is lost. */
  pass(bytes: number): number | undefined {
    const now = this.#clock.now()
    const waitMs = Math.max(0, this.#freeAt - now)
    if (waitMs * this.#rate + bytes > this.#buffer) {
      this.dropped++
      return undefined
    }
    this.#freeAt = now + waitMs + bytes / this.#rate
    return this.#freeAt - now
  }
}

export interface End {
  readonly stream: ReliableStream
  readonly frames: Uint8Array[]
  readonly broken: string[]
  sent: number
  sentBytes: number
}

export interface PairOptions {
  readonly clock?: VirtualClock
  readonly seed?: number
  readonly weather?: Partial<Weather>
  readonly maxSegment?: number
  /** From the first end to the second. */
  readonly bottleneck?: Bottleneck
}

export class StreamPair {
  readonly clock: VirtualClock
  readonly weather: Weather
  readonly a: End
  readonly b: End
  /** Sees each segment before it travels, and says which arrive; by default itself. */
  meddle: (segment: Uint8Array, from: End) => Uint8Array[] = (segment) => [segment]
  readonly #random: SeededRandom

  constructor({ clock = new VirtualClock(), seed = 1, weather, maxSegment = 1_200, bottleneck }: PairOptions = {}) {
    this.clock = clock
    this.weather = { ...CALM, ...weather }
    this.#random = new SeededRandom(seed)
    this.a = this.#end(maxSegment, () => this.b, bottleneck)
    this.b = this.#end(maxSegment, () => this.a, undefined)
  }

  /** Writes `total` bytes from one end in frames of `size` as soon as they are taken. Returns how long it took, ms. */
  async transfer(total: number, size = 16_384, limitMs = 600_000): Promise<number> {
    const start = this.clock.now()
    const frame = new Uint8Array(size)
    let left = total
    let got = 0
    this.b.stream.onFrame = (received) => {
      got += received.length
    }
    const feed = () => {
      while (left > 0 && this.a.stream.write(frame, 'bulk')) left -= size
      if (left > 0) this.clock.after(1, feed)
    }
    feed()
    if (!(await this.clock.runUntilTrue(() => got >= total, limitMs, 1))) {
      throw new Error(`${got} of ${total} bytes after ${limitMs} ms; broken: ${this.a.broken} ${this.b.broken}`)
    }
    return this.clock.now() - start
  }

  #end(maxSegment: number, other: () => End, bottleneck: Bottleneck | undefined): End {
    const stream = new ReliableStream({
      clock: this.clock,
      random: this.#random.fork(),
      maxSegment,
      send: (segment) => {
        end.sent++
        end.sentBytes += segment.length
        if (segment.length > maxSegment) throw new Error(`a segment of ${segment.length} bytes`)
        for (const copy of this.meddle(segment, end)) this.#carry(copy, other, bottleneck)
      },
    })
    const end: End = { stream, frames: [], broken: [], sent: 0, sentBytes: 0 }
    stream.onFrame = (frame) => end.frames.push(frame)
    stream.onBroken = (reason) => end.broken.push(reason)
    return end
  }

  #carry(segment: Uint8Array, other: () => End, bottleneck: Bottleneck | undefined): void {
    const { delayMs, jitterMs, loss, duplicate } = this.weather
    const queueMs = bottleneck === undefined ? 0 : bottleneck.pass(segment.length)
    if (queueMs === undefined || this.#random.float() < loss) return
    for (let copies = this.#random.float() < duplicate ? 2 : 1; copies > 0; copies--) {
      const travelMs = queueMs + delayMs + jitterMs * this.#random.float()
      this.clock.after(travelMs, () => other().stream.receive(segment))
    }
  }
}
