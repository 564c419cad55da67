import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concat } from '../../agent/core/bytes.ts'
import { FrameReader, FramingError, frameBytes, HEADER } from '../../agent/core/framing.ts'
import { megabytesInUse } from '../fuzz/memory.ts'

/** Cuts `whole` into pieces of the given sizes; the rest is the last piece. */
function cut(whole: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let at = 0
  for (const size of sizes) {
    pieces.push(whole.subarray(at, at + size))
    at += size
  }
  return [...pieces, whole.subarray(at)]
}

describe('frames on a byte stream', () => {
  test('come out as they went in, however the stream is cut', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })
    fc.assert(
      fc.property(frames, fc.array(fc.nat(40), { maxLength: 200 }), (sent, sizes) => {
        const got: Uint8Array[] = []
        const reader = new FrameReader(300, (frame) => got.push(frame))
        for (const piece of cut(concat(...sent.map(frameBytes)), sizes)) reader.push(piece)
        assert.deepEqual(got, sent)
      }),
    )
  })

  test('may be as long as the limit and no longer', () => {
    const got: Uint8Array[] = []
    const reader = new FrameReader(10, (frame) => got.push(frame))
    reader.push(frameBytes(new Uint8Array(10)))
    assert.equal(got.length, 1)
    assert.throws(() => reader.push(frameBytes(new Uint8Array(11)).subarray(0, 4)), FramingError)
  })

  test('are not handed out before their last byte', () => {
    let frames = 0
    const reader = new FrameReader(10, () => frames++)
    const bytes = frameBytes(new Uint8Array(3))
    reader.push(bytes.subarray(0, 6))
    assert.equal(frames, 0)
    reader.push(bytes.subarray(6))
    assert.equal(frames, 1)
  })

  test('cost no more than one frame while they arrive, however small the pieces are', () => {
    const length = 128 * 1024
    const piece = new Uint8Array(1)
    const reader = new FrameReader(length, () => assert.fail('the frame is not whole'))
    reader.push(frameBytes(new Uint8Array(length)).subarray(0, HEADER))
    const before = megabytesInUse()
    for (let i = 1; i < length; i++) reader.push(piece)
    const grown = megabytesInUse() - before
    assert.ok(grown < 0.5, `grown by ${grown.toFixed(2)} MB`)
    reader.push(new Uint8Array(0))
  })

  test('random bytes either wait for more or are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        try {
          new FrameReader(100, (frame) => assert.ok(frame.length <= 100)).push(bytes)
        } catch (error) {
          assert.ok(error instanceof FramingError)
        }
      }),
    )
  })
})
