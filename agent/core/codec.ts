/**
 * Declarative binary codecs for all our wire formats.
 *
 * Guarantees: `decode` returns one whole, checked value or throws `DecodeError`. It never reads outside its input, it
 * never allocates more than the input could hold, and it rejects trailing bytes. Integers are big-endian.
 */

import { fromUtf8, utf8 } from './bytes.ts'

export class DecodeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DecodeError'
  }
}

export class Writer {
  #bytes = new Uint8Array(4_096)
  #at = 0

  /** Makes room for `length` more bytes and returns where they start. */
  #reserve(length: number): number {
    const start = this.#at
    const end = start + length
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#at = end
    return start
  }

  uint(value: number, width: number): void {
    const start = this.#reserve(width)
    let rest = value
    for (let i = width - 1; i >= 0; i--) {
      this.#bytes[start + i] = rest % 256
      rest = Math.floor(rest / 256)
    }
  }

  raw(bytes: Uint8Array): void {
    const start = this.#reserve(bytes.length)
    this.#bytes.set(bytes, start)
  }

  /** Returns a copy of what was written and clears the writer. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#at)
    this.#at = 0
    return taken
  }
}

/** Shared by all callers: encoding is synchronous, so only one value is written at a time. */
const writer = new Writer()

export class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  uint(width: number): number {
    if (this.left < width) throw new DecodeError(`needs ${width} bytes, has ${this.left}`)
    let value = 0
    for (let i = 0; i < width; i++) value = value * 256 + this.#bytes[this.#at++]!
    return value
  }

  /** A view of the next `length` bytes, not a copy. */
  raw(length: number): Uint8Array {
    if (this.left < length) throw new DecodeError(`needs ${length} bytes, has ${this.left}`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

export interface Codec<T> {
  write(writer: Writer, value: T): void
  read(reader: Reader): T
}

export type Decoded<C> = C extends Codec<infer T> ? T : never

export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  try {
    codec.write(writer, value)
  } catch (error) {
    writer.take()
    throw error
  }
  return writer.take()
}

/** @throws DecodeError unless `bytes` hold exactly one well-formed value. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes)
  const value = codec.read(reader)
  if (reader.left > 0) throw new DecodeError(`${reader.left} bytes left over`)
  return value
}

function uint(width: number): Codec<number> {
  const end = 256 ** width
  return {
    write: (writer, value) => {
      if (!Number.isInteger(value) || value < 0 || value >= end) throw new RangeError(`${value} is no uint${width * 8}`)
      writer.uint(value, width)
    },
    read: (reader) => reader.uint(width),
  }
}

export const u8 = uint(1)
export const u16 = uint(2)
export const u32 = uint(4)
/** Up to 2^48 - 1: enough for milliseconds and counters, safe in a double. */
export const u48 = uint(6)

export const bool: Codec<boolean> = {
  write: (writer, value) => writer.uint(value ? 1 : 0, 1),
  read: (reader) => {
    const value = reader.uint(1)
    if (value > 1) throw new DecodeError(`${value} is no boolean`)
    return value === 1
  },
}

/** Numbers up to `max`. */
export function atMost(inner: Codec<number>, max: number): Codec<number> {
  return {
    write: (writer, value) => {
      if (value > max) throw new RangeError(`${value} is more than ${max}`)
      inner.write(writer, value)
    },
    read: (reader) => {
      const value = inner.read(reader)
      if (value > max) throw new DecodeError(`${value} is more than ${max}`)
      return value
    },
  }
}

/** Exactly `length` bytes. */
export function fixed(length: number): Codec<Uint8Array> {
  return {
    write: (writer, value) => {
      if (value.length !== length) throw new RangeError(`expected ${length} bytes, got ${value.length}`)
      writer.raw(value)
    },
    read: (reader) => reader.raw(length),
  }
}

/** At most `max` bytes (under 2^32), prefixed with their length. */
export function bytes(max: number): Codec<Uint8Array> {
  const width = max < 256 ? 1 : max < 65_536 ? 2 : 4
  return {
    write: (writer, value) => {
      if (value.length > max) throw new RangeError(`${value.length} bytes, at most ${max}`)
      writer.uint(value.length, width)
      writer.raw(value)
    },
    read: (reader) => {
      const length = reader.uint(width)
      if (length > max) throw new DecodeError(`${length} bytes, at most ${max}`)
      return reader.raw(length)
    },
  }
}

/** UTF-8 of at most `max` bytes. */
export function string(max: number): Codec<string> {
  const inner = bytes(max)
  return {
    write: (writer, value) => inner.write(writer, utf8(value)),
    read: (reader) => {
      const text = fromUtf8(inner.read(reader))
      if (text === undefined) throw new DecodeError('a text that is no UTF-8')
      return text
    },
  }
}

/** At most `max` items (under 65,536), prefixed with their count. */
export function list<T>(item: Codec<T>, max: number): Codec<readonly T[]> {
  const width = max < 256 ? 1 : 2
  return {
    write: (writer, values) => {
      if (values.length > max) throw new RangeError(`${values.length} items, at most ${max}`)
      writer.uint(values.length, width)
      for (const value of values) item.write(writer, value)
    },
    read: (reader) => {
      const length = reader.uint(width)
      if (length > max) throw new DecodeError(`${length} items, at most ${max}`)
      const values: T[] = []
      for (let i = 0; i < length; i++) values.push(item.read(reader))
      return values
    },
  }
}

export function optional<T>(inner: Codec<T>): Codec<T | undefined> {
  return {
    write: (writer, value) => {
      bool.write(writer, value !== undefined)
      if (value !== undefined) inner.write(writer, value)
    },
    read: (reader) => (bool.read(reader) ? inner.read(reader) : undefined),
  }
}

/** One of a few names, encoded as its index in the list. */
export function oneOf<const Names extends readonly string[]>(...names: Names): Codec<Names[number]> {
  return {
    write: (writer, value) => {
      const place = names.indexOf(value)
      if (place < 0) throw new RangeError(`${value} is none of ${names.join(', ')}`)
      writer.uint(place, 1)
    },
    read: (reader) => {
      const place = reader.uint(1)
      const name: Names[number] | undefined = names[place]
      if (name === undefined) throw new DecodeError(`${place} is none of ${names.length} names`)
      return name
    },
  }
}

/** An object, field by field. `union` uses `readInto` to read the fields into an object that already has its `kind`. */
interface StructCodec<T> extends Codec<T> {
  readInto(reader: Reader, value: Record<string, unknown>): void
}

export function struct<Fields extends Record<string, Codec<unknown>>>(
  fields: { [K in keyof Fields]: Fields[K] },
): StructCodec<{ [K in keyof Fields]: Decoded<Fields[K]> }> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][]
  const readInto = (reader: Reader, value: Record<string, unknown>) => {
    for (const [name, codec] of entries) value[name] = codec.read(reader)
  }
  return {
    write: (writer, value) => {
      for (const [name, codec] of entries) codec.write(writer, (value as Record<string, unknown>)[name])
    },
    read: (reader) => {
      const value: Record<string, unknown> = {}
      readInto(reader, value)
      return value as { [K in keyof Fields]: Decoded<Fields[K]> }
    },
    readInto,
  }
}

/** A discriminated union: one byte selects one of `kinds`, whose name becomes the value's `kind`. */
export function union<Kinds extends Record<string, StructCodec<unknown>>>(
  kinds: { [K in keyof Kinds]: Kinds[K] },
): Codec<{ [K in keyof Kinds]: { kind: K } & Decoded<Kinds[K]> }[keyof Kinds]> {
  type Value = { [K in keyof Kinds]: { kind: K } & Decoded<Kinds[K]> }[keyof Kinds]
  const names = Object.keys(kinds)
  const codecs = Object.values(kinds) as StructCodec<unknown>[]
  return {
    write: (writer, value) => {
      const place = names.indexOf(value.kind as string)
      writer.uint(place, 1)
      codecs[place]!.write(writer, value)
    },
    read: (reader) => {
      const place = reader.uint(1)
      const codec = codecs[place]
      if (codec === undefined) throw new DecodeError(`unknown kind ${place}`)
      const value: Record<string, unknown> = { kind: names[place] }
      codec.readInto(reader, value)
      return value as Value
    },
  }
}
