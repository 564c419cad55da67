import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MAX_FRAME } from '../../agent/overlay/link.ts'
import { ReliableStream } from '../../agent/underlay/reliable-stream.ts'
import { RECEIVE_WINDOW } from '../../agent/underlay/stream/constants.ts'
import { type AckRange, decodeSegment, encodeSegment, segmentCodec } from '../../agent/underlay/stream/segments.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { damage, imagine } from '../fuzz/imagine.ts'
import { messages, randomOf } from '../fuzz/volume.ts'
import { settledMegabytes } from './settled-memory.ts'
import { StreamPair } from './stream-pair.ts'

/** What a peer can make us hold, MB: the window, a frame, and what keeps them in order. */
const MOST_MB = (RECEIVE_WINDOW + MAX_FRAME) / 2 ** 20 + 0.3

/** One stream, and a peer that says what it likes. */
class Victim {
  readonly clock = new VirtualClock()
  readonly sent: Uint8Array[] = []
  readonly broken: string[] = []
  readonly frames: Uint8Array[] = []
  readonly stream: ReliableStream
  #number = 0

  constructor() {
    this.stream = new ReliableStream({
      clock: this.clock,
      random: new SeededRandom(1),
      maxSegment: 1_200,
      send: (segment) => this.sent.push(segment),
    })
    this.stream.onBroken = (reason) => this.broken.push(reason)
  }

  listen(): void {
    this.stream.onFrame = (frame) => this.frames.push(frame)
  }

  /** Sends bytes of the stream in a segment of its own. */
  say(offset: number, ...data: number[]): void {
    const numbered = { number: this.#number++, urgent: false, offset, data: Uint8Array.from(data) }
    this.stream.receive(encodeSegment({ ack: undefined, numbered }))
  }

  acknowledge(range: AckRange, limit = RECEIVE_WINDOW): void {
    this.stream.receive(encodeSegment({ ack: { ranges: [range], delayMs: 0, limit }, numbered: undefined }))
  }
}

async function held(victim: Victim, attack: () => Promise<void>): Promise<number> {
  const before = await settledMegabytes()
  await attack()
  victim.sent.length = 0
  const grown = (await settledMegabytes()) - before
  // So that the stream is still there while memory is measured.
  victim.stream.close()
  return grown
}

describe('a peer that means harm', () => {
  test('makes us hold no more than the window with single bytes that leave holes', async (t) => {
    const victim = new Victim()
    victim.listen()
    const grown = await held(victim, async () => {
      for (let offset = 1; offset < RECEIVE_WINDOW; offset += 2) {
        victim.say(offset, 1)
        if (offset % 1_001 === 0) await victim.clock.runFor(1)
        victim.sent.length = 0
      }
    })
    t.diagnostic(`${grown.toFixed(2)} MB`)
    assert.deepEqual(victim.broken, [])
    assert.ok(grown < MOST_MB, `${grown} MB`)
  })

  test('makes us hold no more than the window with bytes in every block, before anybody listens', async (t) => {
    const victim = new Victim()
    const grown = await held(victim, async () => {
      for (let offset = 0; offset + 100 <= RECEIVE_WINDOW; offset += 100) victim.say(offset, ...new Uint8Array(100))
      await victim.clock.runFor(1)
    })
    t.diagnostic(`${grown.toFixed(2)} MB`)
    assert.deepEqual(victim.broken, [])
    assert.ok(grown < MOST_MB, `${grown} MB`)
  })

  test('makes us hold no more than a frame with a frame that never ends', async (t) => {
    const victim = new Victim()
    victim.listen()
    const grown = await held(victim, async () => {
      await victim.clock.runFor(1)
      victim.say(0, 0, 2, 0, 0)
      for (let offset = 4; offset < MAX_FRAME; offset++) victim.say(offset, 1)
      await victim.clock.runFor(1)
    })
    t.diagnostic(`${grown.toFixed(2)} MB`)
    assert.deepEqual([victim.broken, victim.frames], [[], []])
    assert.ok(grown < 0.4, `${grown} MB`)
  })

  test('makes us hold no more than our own backlog when it acknowledges nothing', async (t) => {
    const victim = new Victim()
    const grown = await held(victim, async () => {
      for (let round = 0; round < 100; round++) {
        for (let i = 0; i < 1_000; i++) victim.stream.write(new Uint8Array(100))
        await victim.clock.runFor(100)
      }
    })
    t.diagnostic(`${grown.toFixed(2)} MB`)
    assert.ok(grown < 12, `${grown} MB`)
  })

  test('breaks the stream with more bytes than the limit allows', async () => {
    const victim = new Victim()
    victim.say(RECEIVE_WINDOW - 1, 1)
    await victim.clock.runFor(1)
    assert.deepEqual(victim.broken, [])
    victim.say(RECEIVE_WINDOW - 1, 1, 1)
    await victim.clock.runFor(1)
    assert.deepEqual(victim.broken, ['The peer sends more than it may.'])
  })

  test('breaks the stream with a frame that is too long', async () => {
    const victim = new Victim()
    victim.listen()
    await victim.clock.runFor(1)
    victim.say(0, 0, 2, 0, 1)
    await victim.clock.runFor(1)
    assert.deepEqual(victim.broken, [`The peer sends a frame of ${MAX_FRAME + 1} bytes, at most ${MAX_FRAME}.`])
  })

  test('breaks the stream with an acknowledgement of what was never sent', async () => {
    const victim = new Victim()
    victim.stream.write(new Uint8Array(10))
    await victim.clock.runFor(1)
    victim.acknowledge({ start: 0, end: 2 })
    await victim.clock.runFor(1)
    assert.deepEqual(victim.broken, ['The peer acknowledges what was never sent.'])
  })

  test('that acknowledges everything unseen, so that we send too fast, is found out', async () => {
    const victim = new Victim()
    let limit = RECEIVE_WINDOW
    let acknowledged = 0
    for (let round = 0; round < 5_000 && victim.broken.length === 0; round++) {
      while (victim.stream.write(new Uint8Array(60_000), 'bulk')) {}
      await victim.clock.runFor(1)
      const numbers = victim.sent.map((segment) => decodeSegment(segment)?.numbered?.number ?? 0)
      victim.sent.length = 0
      if (numbers.length === 0) continue
      const end = Math.max(...numbers) + 1
      limit += 1_200 * numbers.length
      victim.acknowledge({ start: acknowledged, end }, limit)
      acknowledged = end
    }
    assert.deepEqual(victim.broken, ['The peer acknowledges what was never sent.'])
  })

  test('that takes nothing more is asked every 2 s, and no more often', async () => {
    const pair = new StreamPair()
    pair.meddle = (segment, from) => {
      const read = decodeSegment(segment)!
      if (from === pair.a || read.ack === undefined) return [segment]
      return [encodeSegment({ ...read, ack: { ...read.ack, limit: 0 } })]
    }
    while (pair.a.stream.write(new Uint8Array(60_000))) {}
    await pair.clock.runFor(20_000)
    const sent = pair.a.sent
    await pair.clock.runFor(60_000)
    assert.ok(pair.a.sent - sent <= 31 && pair.a.sent - sent > 25, `${pair.a.sent - sent} in a minute`)
    assert.deepEqual(pair.a.broken, [])
  })

  test('cannot make us throw, whatever it sends', async () => {
    const random = randomOf(15)
    const pair = new StreamPair()
    const real: Uint8Array[] = []
    pair.meddle = (segment) => {
      real.push(segment)
      return [segment]
    }
    await pair.transfer(300_000)
    let victim = new Victim()
    let broken = 0
    for (let i = messages(100_000); i > 0; i--) {
      if (random.below(50) === 0) victim.stream.write(random.bytes(random.below(2_000)))
      if (random.below(500) === 0) victim.listen()
      const segment = random.below(3) === 0 ? imagine(segmentCodec, random) : real[random.below(real.length)]!
      victim.stream.receive(damage(segment, random))
      if (random.below(20) === 0) await victim.clock.runFor(random.below(30))
      if (victim.broken.length === 0 && i % 2_000 !== 0) continue
      broken += victim.broken.length
      assert.ok(victim.broken.length <= 1)
      victim.stream.close()
      victim = new Victim()
    }
    assert.ok(broken > 1_000, `${broken} streams broke`)
  })
})
