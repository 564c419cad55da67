import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  bool,
  bytes,
  type Codec,
  DecodeError,
  decode,
  encode,
  fixed,
  list,
  oneOf,
  optional,
  string,
  struct,
  u8,
  u16,
  u48,
  union,
} from '../../agent/core/codec.ts'

const shape = union({
  empty: struct({}),
  full: struct({
    flag: bool,
    small: u8,
    wide: u48,
    name: string(40),
    tag: fixed(4),
    blob: bytes(2_000),
    rows: list(struct({ port: u16, side: oneOf('left', 'right') }), 300),
    maybe: optional(u16),
  }),
})

const full = fc.record(
  {
    kind: fc.constant('full' as const),
    flag: fc.boolean(),
    small: fc.integer({ min: 0, max: 255 }),
    wide: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    name: fc.string({ maxLength: 10 }),
    tag: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    blob: fc.uint8Array({ maxLength: 2_000 }),
    rows: fc.array(
      fc.record(
        { port: fc.integer({ min: 0, max: 65_535 }), side: fc.constantFrom('left' as const, 'right' as const) },
        { noNullPrototype: true },
      ),
    ),
    maybe: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
  },
  { noNullPrototype: true },
)

describe('codec', () => {
  test('of a text that is no UTF-8 is refused; a text that is one keeps every character', () => {
    const text = string(8)
    assert.throws(() => decode(text, Uint8Array.of(2, 0xff, 0xfe)), DecodeError)
    for (const kept of ['a\ufeffb', '\ufeff', 'h\u00e4']) assert.equal(decode(text, encode(text, kept)), kept)
  })

  test('what is encoded decodes to the same value', () => {
    fc.assert(
      fc.property(full, (value) => {
        const decoded = decode(shape, encode(shape, value))
        assert.deepEqual(decoded, value)
      }),
    )
  })

  test('any bytes either decode or end in a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode(shape, bytes)
        } catch (error) {
          assert.ok(error instanceof DecodeError)
        }
      }),
      { numRuns: 20_000 },
    )
  })

  test('a whole value with one byte cut off, or one more, is refused', () => {
    fc.assert(
      fc.property(full, (value) => {
        const whole = encode(shape, value)
        assert.throws(() => decode(shape, whole.subarray(0, -1)), DecodeError)
        assert.throws(() => decode(shape, new Uint8Array([...whole, 0])), DecodeError)
      }),
    )
  })

  test('a value out of its range is refused before it is sent', () => {
    const refused = <T>(codec: Codec<T>, value: T) => assert.throws(() => encode(codec, value), RangeError)
    refused(u8, 256)
    refused(u16, -1)
    refused(u48, 1.5)
    refused(bytes(3), new Uint8Array(4))
    refused(list(u8, 2), [1, 2, 3])
  })
})
