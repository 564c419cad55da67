import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { hex } from '../../agent/core/bytes.ts'
import {
  type AckRange,
  decodeSegment,
  encodeSegment,
  overhead,
  type Segment,
  segmentCodec,
} from '../../agent/underlay/stream/segments.ts'
import { damage, imagine } from '../fuzz/imagine.ts'
import { messages, randomOf } from '../fuzz/volume.ts'

/** Numbers of every length of a varint. */
const number = fc.oneof(
  fc.nat(70),
  fc.nat(20_000),
  fc.nat(2 ** 31 - 1),
  fc.maxSafeNat().map((n) => n % 2 ** 47),
)

/** From gaps and lengths, downwards. */
const ranges = fc
  .tuple(number, fc.array(fc.tuple(fc.nat(300), fc.nat(300)), { minLength: 1, maxLength: 32 }))
  .map(([base, steps]): AckRange[] => {
    let end = base + steps.reduce((sum, [gap, length]) => sum + gap + length + 2, 0)
    return steps.map(([gap, length]) => {
      const start = end - length - 1
      const range = { start, end }
      end = start - gap - 1
      return range
    })
  })
const PLAIN = { noNullPrototype: true } as const
const ack = fc.record({ ranges, delayMs: fc.nat(100_000).map((tenths) => tenths / 10), limit: number }, PLAIN)
const numbered = fc.record(
  { number, urgent: fc.boolean(), offset: number, data: fc.uint8Array({ maxLength: 50 }) },
  PLAIN,
)
const segment: fc.Arbitrary<Segment> = fc
  .record({ ack: fc.option(ack, { nil: undefined }), numbered: fc.option(numbered, { nil: undefined }) }, PLAIN)
  .filter((one) => one.ack !== undefined || one.numbered !== undefined)

describe('segments', () => {
  test('are read as they were written, and are as long as foretold', () => {
    fc.assert(
      fc.property(segment, (one) => {
        const bytes = encodeSegment(one)
        assert.deepEqual(decodeSegment(bytes), one)
        if (one.numbered !== undefined) {
          assert.equal(bytes.length, overhead(one.ack, one.numbered) + one.numbered.data.length)
        }
      }),
    )
  })

  test('look as docs/protocol.md shows', () => {
    const data = Uint8Array.of(0, 0, 0, 2, 0x68, 0x69)
    const first: Segment = { ack: undefined, numbered: { number: 0, urgent: false, offset: 0, data } }
    assert.equal(hex(encodeSegment(first)), '020000' + '000000026869')
    const answer: Segment = {
      ack: {
        ranges: [
          { start: 90, end: 101 },
          { start: 80, end: 88 },
        ],
        delayMs: 2.5,
        limit: 1_048_582,
      },
      numbered: undefined,
    }
    assert.equal(hex(encodeSegment(answer)), '01406401' + '0a' + '01' + '07' + '19' + '80100006')
  })

  test('that are none are told from segments, and nothing is thrown', () => {
    const random = randomOf(14)
    const real = fc.sample(segment, { numRuns: 500, seed: 14 })
    let good = 0
    for (let i = messages(100_000); i > 0; i--) {
      const bytes = [
        () => random.bytes(random.below(60)),
        () => damage(imagine(segmentCodec, random), random),
        () => damage(encodeSegment(real[random.below(real.length)]!), random),
      ][random.below(3)]!()
      const read = decodeSegment(bytes)
      if (read === undefined) continue
      good++
      for (const { start, end } of read.ack?.ranges ?? []) assert.ok(0 <= start && start < end && end <= 2 ** 48)
      assert.deepEqual(decodeSegment(encodeSegment(read)), read)
    }
    assert.ok(good > messages(15_000), `${good} were segments`)
  })

  test('with unknown flags, numbers out of range or bytes left over are none', () => {
    for (const bytes of ['', '00', '08', '0a0000', '04', '05050000000000', '01000000000000', '0100000100']) {
      assert.equal(decodeSegment(Uint8Array.from(Buffer.from(bytes, 'hex'))), undefined, bytes)
    }
    assert.ok(decodeSegment(Uint8Array.of(1, 5, 0, 0, 0, 0)))
  })
})
