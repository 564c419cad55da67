/**
 * The segments of the control stream, as docs/protocol.md describes them.
 *
 * A segment has a number, with which it is acknowledged, and bytes of the stream; or it acknowledges; or both. What is
 * sent again gets a new number, so an acknowledgement always tells which copy arrived (RFC 9002 section 4.2).
 */

import { EMPTY } from '../../core/bytes.ts'
import { atMost, type Codec, DecodeError, decode, encode, u8 } from '../../core/codec.ts'
import { MAX_ACK_RANGES } from './constants.ts'

/** Segment numbers [start, end). */
export interface AckRange {
  readonly start: number
  readonly end: number
}

export interface Ack {
  /** What arrived, the newest first; at least one range. */
  readonly ranges: readonly AckRange[]
  /** How long the newest segment waited for this acknowledgement, ms. */
  readonly delayMs: number
  /** The peer may send stream bytes below this. */
  readonly limit: number
}

export interface Numbered {
  readonly number: number
  /** Asks for an acknowledgement at once. */
  readonly urgent: boolean
  /** Where `data` is in the stream. Empty data only asks for an acknowledgement. */
  readonly offset: number
  readonly data: Uint8Array
}

export interface Segment {
  readonly ack: Ack | undefined
  readonly numbered: Numbered | undefined
}

const HAS_ACK = 1
const HAS_NUMBER = 2
const IS_URGENT = 4

/** Numbers and offsets stay below this: 281 TB of stream. Sums of two are exact. */
const END = 2 ** 48
/** Units of the delay in an acknowledgement, 1/ms. */
const DELAY_UNITS = 10

/** RFC 9000 section 16, for numbers below 2^48. */
const varint: Codec<number> = {
  write: (writer, value) => {
    if (value < 2 ** 6) writer.uint(value, 1)
    else if (value < 2 ** 14) writer.uint(value + 2 ** 14, 2)
    else if (value < 2 ** 30) writer.uint(value + 2 ** 31, 4)
    else {
      writer.uint(0xc000, 2)
      writer.uint(value, 6)
    }
  },
  read: (reader) => {
    const first = reader.uint(1)
    const more = 2 ** (first >> 6) - 1
    const value = (first & 63) * 256 ** more + reader.uint(more)
    if (value >= END) throw new DecodeError('a number above 2^48')
    return value
  },
}

function varintBytes(value: number): number {
  return value < 2 ** 6 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 30 ? 4 : 8
}

/** RFC 9000 section 19.3: the newest range, then how far down each next one begins and how long it is. */
const rangeCountCodec = atMost(u8, MAX_ACK_RANGES - 1)

const rangesCodec: Codec<readonly AckRange[]> = {
  write: (writer, ranges) => {
    const newest = ranges[0]!
    varint.write(writer, newest.end - 1)
    rangeCountCodec.write(writer, ranges.length - 1)
    varint.write(writer, newest.end - newest.start - 1)
    for (let i = 1; i < ranges.length; i++) {
      const { start, end } = ranges[i]!
      varint.write(writer, ranges[i - 1]!.start - end - 1)
      varint.write(writer, end - start - 1)
    }
  },
  read: (reader) => {
    let end = varint.read(reader) + 1
    let more = rangeCountCodec.read(reader)
    const ranges: AckRange[] = []
    for (;;) {
      const start = end - 1 - varint.read(reader)
      if (start < 0) throw new DecodeError('an acknowledgement of numbers below 0')
      ranges.push({ start, end })
      if (more-- === 0) return ranges
      end = start - 1 - varint.read(reader)
      if (end <= 0) throw new DecodeError('an acknowledgement of numbers below 0')
    }
  },
}

const ackCodec: Codec<Ack> = {
  write: (writer, { ranges, delayMs, limit }) => {
    rangesCodec.write(writer, ranges)
    varint.write(writer, Math.round(delayMs * DELAY_UNITS))
    varint.write(writer, limit)
  },
  read: (reader) => ({
    ranges: rangesCodec.read(reader),
    delayMs: varint.read(reader) / DELAY_UNITS,
    limit: varint.read(reader),
  }),
}

/** Exported so that the fuzzer can make segments. */
export const segmentCodec: Codec<Segment> = {
  write: (writer, { ack, numbered }) => {
    const flags = numbered === undefined ? 0 : HAS_NUMBER | (numbered.urgent ? IS_URGENT : 0)
    writer.uint(flags | (ack === undefined ? 0 : HAS_ACK), 1)
    if (ack !== undefined) ackCodec.write(writer, ack)
    if (numbered === undefined) return
    varint.write(writer, numbered.number)
    varint.write(writer, numbered.offset)
    writer.raw(numbered.data)
  },
  read: (reader) => {
    const flags = reader.uint(1)
    const isNumbered = (flags & HAS_NUMBER) !== 0
    const known = HAS_ACK | HAS_NUMBER | (isNumbered ? IS_URGENT : 0)
    if (flags === 0 || (flags & ~known) !== 0) throw new DecodeError(`no segment has the flags ${flags}`)
    const ack = (flags & HAS_ACK) === 0 ? undefined : ackCodec.read(reader)
    if (!isNumbered) return { ack, numbered: undefined }
    const number = varint.read(reader)
    const offset = varint.read(reader)
    const data = reader.left === 0 ? EMPTY : reader.raw(reader.left)
    if (offset + data.length >= END) throw new DecodeError('stream bytes above 2^48')
    return { ack, numbered: { number, urgent: (flags & IS_URGENT) !== 0, offset, data } }
  },
}

export function encodeSegment(segment: Segment): Uint8Array {
  return encode(segmentCodec, segment)
}

/** undefined when the bytes are no segment. */
export function decodeSegment(bytes: Uint8Array): Segment | undefined {
  try {
    return decode(segmentCodec, bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

/** Bytes of a segment that has these parts, beside its data. */
export function overhead(ack: Ack | undefined, numbered: Pick<Numbered, 'number' | 'offset'>): number {
  const size = 1 + varintBytes(numbered.number) + varintBytes(numbered.offset)
  if (ack === undefined) return size
  const { ranges, delayMs, limit } = ack
  let ackSize =
    1 + varintBytes(ranges[0]!.end - 1) + varintBytes(Math.round(delayMs * DELAY_UNITS)) + varintBytes(limit)
  for (let i = 0; i < ranges.length; i++) ackSize += rangeBytes(ranges[i]!, ranges[i - 1])
  return size + ackSize
}

/** Bytes of one range of an acknowledgement; `above` is the one before it. */
export function rangeBytes({ start, end }: AckRange, above: AckRange | undefined): number {
  return varintBytes(end - start - 1) + (above === undefined ? 0 : varintBytes(above.start - end - 1))
}
