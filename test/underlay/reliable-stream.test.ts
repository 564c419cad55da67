import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { hex, sha256 } from '../../agent/core/bytes.ts'
import { MAX_FRAME } from '../../agent/overlay/link.ts'
import { ReliableStream } from '../../agent/underlay/reliable-stream.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { settledMegabytes } from './settled-memory.ts'
import { StreamPair } from './stream-pair.ts'

/** A frame whose bytes tell its number and length. */
function frameOf(number: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + number * 7 + length) & 255)
}

const frames = (lengths: readonly number[]) => lengths.map((length, i) => frameOf(i, length))

const digest = (frame: Uint8Array) => hex(sha256(frame))

/** What happens to a segment. */
type Fate = 'arrives' | 'lost' | 'doubled' | 'late'

const length = fc.oneof(
  { weight: 4, arbitrary: fc.nat(10) },
  { weight: 8, arbitrary: fc.nat(3_000) },
  fc.constant(MAX_FRAME),
)
const fate = fc.constantFrom<Fate>('arrives', 'lost', 'doubled', 'late')

describe('a reliable stream', () => {
  test('delivers every frame once, whole and in order, whatever happens to segments', async () => {
    const weather = fc.record({
      delayMs: fc.integer({ min: 1, max: 300 }),
      jitterMs: fc.nat(200),
      loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
      duplicate: fc.double({ min: 0, max: 0.3, noNaN: true }),
    })
    const lengths = fc.array(length, { maxLength: 8 })
    const script = fc.array(fate, { maxLength: 100 })
    await fc.assert(
      fc.asyncProperty(lengths, lengths, weather, script, fc.nat(), async (there, back, calm, fates, seed) => {
        const pair = new StreamPair({ weather: calm, seed })
        const late: (() => void)[] = []
        pair.meddle = (segment, from) => {
          const to = from === pair.a ? pair.b : pair.a
          switch (fates.pop()) {
            case 'lost':
              return []
            case 'doubled':
              return [segment, segment]
            case 'late':
              late.push(() => to.stream.receive(segment))
              return []
            default:
              return [segment]
          }
        }
        pair.clock.after(700, () => {
          for (const arrive of late) arrive()
        })
        for (const frame of frames(there)) assert.ok(pair.a.stream.write(frame))
        for (const frame of frames(back)) assert.ok(pair.b.stream.write(frame))
        const isDone = () => pair.b.frames.length >= there.length && pair.a.frames.length >= back.length
        await pair.clock.runUntilTrue(isDone, 600_000, 100)
        await pair.clock.runFor(60_000)
        assert.deepEqual([pair.a.broken, pair.b.broken], [[], []])
        assert.deepEqual(pair.b.frames.map(digest), frames(there).map(digest))
        assert.deepEqual(pair.a.frames.map(digest), frames(back).map(digest))
      }),
      { numRuns: 50 },
    )
  })

  test('sends control frames before bulk ones that wait', async () => {
    const pair = new StreamPair()
    for (let i = 0; i < 10; i++) pair.a.stream.write(frameOf(i, 40_000), 'bulk')
    pair.a.stream.write(frameOf(99, 5), 'control')
    await pair.clock.runFor(60)
    // 10 segments leave at once.
    pair.a.stream.write(frameOf(98, 6), 'control')
    await pair.clock.runFor(5_000)
    const lengths = pair.b.frames.map((frame) => frame.length)
    assert.equal(lengths[0], 5)
    assert.ok(lengths.indexOf(6) <= 3, `${lengths}`)
    assert.equal(lengths.length, 12)
  })

  test('refuses bulk frames first, then control frames, and delivers those that it took', async () => {
    const pair = new StreamPair()
    const write = (priority: 'control' | 'bulk') => {
      let count = 0
      while (pair.a.stream.write(frameOf(0, 60_000), priority)) count++
      return count
    }
    const bulk = write('bulk')
    assert.equal(bulk, 8)
    const control = write('control')
    assert.ok(control > 50, `${control}`)
    assert.equal(pair.a.stream.write(frameOf(0, MAX_FRAME + 1)), false)
    await pair.clock.runFor(60_000)
    assert.equal(pair.b.frames.length, bulk + control)
  })

  test('that is idle sends nothing and wakes nobody', async () => {
    const pair = new StreamPair()
    pair.a.stream.write(frameOf(1, 3_000))
    pair.b.stream.write(frameOf(1, 100))
    await pair.clock.runFor(5_000)
    const [sent, ran] = [pair.a.sent + pair.b.sent, pair.clock.ran]
    assert.ok(sent < 10, `${sent} segments`)
    await pair.clock.runFor(3_600_000)
    assert.deepEqual([pair.a.sent + pair.b.sent, pair.clock.ran], [sent, ran])
  })

  test('has no timer for what was acknowledged', async () => {
    const pair = new StreamPair()
    pair.a.stream.write(frameOf(1, 100))
    await pair.clock.runFor(60_000)
    const arrivals = pair.a.sent + pair.b.sent
    assert.equal(pair.clock.ran, arrivals + 1, 'one timer ran: the one of the acknowledgement')
  })

  test('packs frames that are written together into few segments', async () => {
    const pair = new StreamPair()
    for (let i = 0; i < 20; i++) pair.a.stream.write(frameOf(i, 50))
    await pair.clock.runFor(1_000)
    assert.equal(pair.b.frames.length, 20)
    assert.equal(pair.a.sent, 1)
    assert.equal(pair.b.sent, 1)
  })

  test('breaks when the peer has not answered for 15 s, and says why once', async () => {
    const pair = new StreamPair()
    pair.a.stream.write(frameOf(1, 100))
    await pair.clock.runFor(1_000)
    pair.meddle = () => []
    pair.a.stream.write(frameOf(1, 100))
    await pair.clock.runFor(14_000)
    assert.deepEqual(pair.a.broken, [])
    await pair.clock.runFor(4_000)
    assert.deepEqual(pair.a.broken, ['The peer does not answer.'])
    assert.equal(pair.a.stream.write(frameOf(1, 1)), false)
    await pair.clock.runFor(100_000)
    assert.equal(pair.a.broken.length, 1)
    assert.deepEqual(pair.b.broken, [], 'an idle stream expects no answer')
  })

  for (const everyMs of [60, 1_000, 1_900]) {
    test(`breaks as soon when something is written every ${everyMs} ms`, async () => {
      const pair = new StreamPair()
      await pair.transfer(4_000_000)
      pair.meddle = () => []
      const start = pair.clock.now()
      while (pair.a.broken.length === 0 && pair.clock.now() - start < 60_000) {
        pair.a.stream.write(frameOf(1, 40))
        await pair.clock.runFor(everyMs)
      }
      const tookMs = pair.clock.now() - start
      assert.ok(tookMs >= 15_000 && tookMs < 20_000, `${tookMs} ms`)
    })
  }

  test('survives an outage that is shorter, and goes on within 2 s of its end', async () => {
    const pair = new StreamPair()
    const through = pair.meddle
    pair.meddle = () => []
    pair.a.stream.write(frameOf(1, 5_000))
    await pair.clock.runFor(14_000)
    pair.meddle = through
    await pair.clock.runFor(2_200)
    assert.equal(pair.b.frames.length, 1)
    await pair.clock.runFor(30_000)
    assert.deepEqual(pair.a.broken, [])
  })

  test('asks again after its machine slept, before it breaks', async () => {
    const pair = new StreamPair()
    pair.a.stream.write(frameOf(1, 100))
    await pair.clock.runFor(1)
    let skippedMs = 0
    const now = pair.clock.now.bind(pair.clock)
    pair.clock.now = () => now() + skippedMs
    pair.meddle = () => []
    pair.a.stream.write(frameOf(1, 100))
    await pair.clock.runFor(1)
    skippedMs = 3_600_000
    pair.meddle = (segment) => [segment]
    await pair.clock.runFor(3_000)
    assert.deepEqual(pair.a.broken, [])
    assert.equal(pair.b.frames.length, 2)
  })

  test('keeps frames until somebody takes them, and lets the peer send no more than the window', async () => {
    const clock = new VirtualClock()
    const random = new SeededRandom(1)
    const a: ReliableStream = new ReliableStream({ clock, random, maxSegment: 1_200, send: (s) => toB(s) })
    const b: ReliableStream = new ReliableStream({ clock, random, maxSegment: 1_200, send: (s) => toA(s) })
    const carry = (to: ReliableStream) => (segment: Uint8Array) => void clock.after(5, () => to.receive(segment))
    const [toA, toB] = [carry(a), carry(b)]
    let written = 0
    const feed = () => {
      while (a.write(frameOf(0, 10_000), 'bulk')) written++
    }
    for (let second = 0; second < 10; second++) {
      feed()
      await clock.runFor(1_000)
    }
    assert.ok(written < 160, `${written} frames of 10,000 bytes`)
    let got = 0
    // The sender has just asked, and does so again in 2 s.
    await clock.runFor(500)
    b.onFrame = () => got++
    await clock.runFor(300)
    assert.equal(got, written)
  })

  test('hands out no frame after close, and what was written before close still leaves', async () => {
    const pair = new StreamPair()
    pair.a.stream.write(frameOf(1, 500))
    pair.a.stream.close()
    await pair.clock.runFor(1_000)
    assert.equal(pair.b.frames.length, 1)
    pair.b.stream.close()
    pair.b.stream.write(frameOf(1, 1))
    await pair.clock.runFor(60_000)
    assert.deepEqual([pair.a.frames.length, pair.a.broken, pair.b.broken], [0, [], []])
  })

  test('costs a few kilobytes when it is idle', async (t) => {
    const clock = new VirtualClock()
    const open = async () => {
      const pairs = Array.from({ length: 500 }, (_, seed) => new StreamPair({ clock, seed }))
      for (const { a, b } of pairs) {
        a.stream.write(frameOf(1, 2_000))
        b.stream.write(frameOf(1, 2_000))
      }
      await clock.runFor(10_000)
      for (const { a, b } of pairs) for (const end of [a, b]) end.frames.length = 0
      return pairs
    }
    const first = await open()
    const before = await settledMegabytes()
    const pairs = await open()
    const each = (((await settledMegabytes()) - before) * 2 ** 20) / (2 * pairs.length)
    assert.equal(first.length, pairs.length)
    t.diagnostic(`${each.toFixed(0)} bytes, with the test's own part`)
    assert.ok(each < 10_000, `${each}`)
  })
})
