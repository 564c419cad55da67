/**
 * VMDK as in an OVA (`streamOptimized`): grains of 64 KiB, each compressed by itself, one after the other, with the
 * tables at the end.
 *
 * The slot's grain is a zlib stream of stored blocks, which has the same length whatever it contains. Level 1 makes the
 * file 6 % larger than level 6 and takes a third of the time.
 */

import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { $ } from 'zx'
import type { Container, RawDisk } from './container.ts'
import { SLOT_SIZE } from './slot.ts'
import {
  descriptor,
  type ExtentHeader,
  encodeHeader,
  GRAIN,
  GRAIN_SECTORS,
  SECTOR,
  stampDescriptor,
  TABLE_ENTRIES,
} from './vmdk-extent.ts'

const LEVEL = 1
/** Grains compressed at a time: enough for all of zlib's threads, few enough for the memory. */
const BATCH = 256

const VERSION = 3
/** Valid line ends, compressed grains, markers. */
const FLAGS = 1 | (1 << 16) | (1 << 17)
const DEFLATE = 1
/** Sectors before the first grain: the header and its descriptor, up to the size of a grain. */
const OVERHEAD = 128
/** In the header: the footer says where the directory is. */
const AT_END = 0xffff_ffff_ffff_ffffn
const MARKER = { endOfStream: 0, grainTable: 1, grainDirectory: 2, footer: 3 } as const
/** Sector number and length in bytes, before each compressed grain. */
const GRAIN_HEADER = 12

const deflate = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.deflate)

export const streamVmdk: Container = {
  suffix: 'vmdk',
  convert: writeStream,
  encode: storedStream,
  stamp: (file, stamp) => stampDescriptor(file, 'streamOptimized', stamp),
}

async function writeStream(disk: RawDisk, to: string): Promise<number> {
  const grains = Math.ceil(statSync(disk.path).size / GRAIN)
  const tables = new Uint32Array(Math.ceil(grains / TABLE_ENTRIES) * TABLE_ENTRIES)
  const header: ExtentHeader = {
    version: VERSION,
    flags: FLAGS,
    capacity: grains * GRAIN_SECTORS,
    descriptorAt: 1,
    descriptorSize: OVERHEAD - 1,
    redundantDirectoryAt: 0,
    directoryAt: AT_END,
    overhead: OVERHEAD,
    compression: DEFLATE,
  }
  const out = new SectorWriter(to)
  try {
    out.put(encodeHeader(header))
    const text = Buffer.alloc((OVERHEAD - 1) * SECTOR)
    text.write(descriptor('streamOptimized', header.capacity, { name: 'disk.vmdk', id: new Uint8Array(16) }))
    out.put(text)

    let slotAt: number | undefined
    for await (const { grain, data } of compressedGrains(disk)) {
      tables[grain] = out.sector
      if (grain * GRAIN === disk.slotAt) slotAt = out.sector * SECTOR + GRAIN_HEADER
      const head = Buffer.alloc(GRAIN_HEADER)
      head.writeBigUInt64LE(BigInt(grain * GRAIN_SECTORS), 0)
      head.writeUInt32LE(data.length, 8)
      out.put(Buffer.concat([head, data]))
    }
    const directoryAt = writeTables(out, tables)
    out.put(marker(1, MARKER.footer))
    out.put(encodeHeader({ ...header, directoryAt: BigInt(directoryAt) }))
    out.put(marker(0, MARKER.endOfStream))
    if (slotAt === undefined) throw new Error('the disk has no slot')
    return slotAt
  } finally {
    out.close()
  }
}

/** Writes the tables that map any grain, then the directory; returns the directory's sector. */
function writeTables(out: SectorWriter, tables: Uint32Array): number {
  const entriesPerSector = SECTOR / 4
  const count = tables.length / TABLE_ENTRIES
  const directory = new Uint32Array(Math.ceil(count / entriesPerSector) * entriesPerSector)
  for (let index = 0; index < count; index++) {
    const table = tables.subarray(index * TABLE_ENTRIES, (index + 1) * TABLE_ENTRIES)
    if (table.every((sector) => sector === 0)) continue
    out.put(marker(TABLE_ENTRIES / entriesPerSector, MARKER.grainTable))
    directory[index] = out.sector
    out.put(littleEndian(table))
  }
  out.put(marker(directory.length / entriesPerSector, MARKER.grainDirectory))
  const at = out.sector
  out.put(littleEndian(directory))
  return at
}

function marker(sectors: number, type: number): Buffer {
  const bytes = Buffer.alloc(SECTOR)
  bytes.writeBigUInt64LE(BigInt(sectors), 0)
  bytes.writeUInt32LE(type, GRAIN_HEADER)
  return bytes
}

function littleEndian(numbers: Uint32Array): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4)
  numbers.forEach((number, index) => {
    bytes.writeUInt32LE(number, index * 4)
  })
  return bytes
}

interface CompressedGrain {
  /** Its number, counted from the start of the disk. */
  readonly grain: number
  readonly data: Uint8Array
}

/** The grains that are not all zeros, in order. */
async function* compressedGrains({ path, slotAt }: RawDisk): AsyncGenerator<CompressedGrain> {
  const zeros = Buffer.alloc(GRAIN)
  const file = openSync(path, 'r')
  try {
    let batch: Promise<CompressedGrain>[] = []
    for (const grain of await grainsWithData(path)) {
      const content = Buffer.alloc(GRAIN)
      readSync(file, content, 0, GRAIN, grain * GRAIN)
      if (content.equals(zeros)) continue
      const isSlot = grain * GRAIN === slotAt
      const data = isSlot ? Promise.resolve(storedStream(content)) : deflate(content, { level: LEVEL })
      batch.push(data.then((bytes) => ({ grain, data: bytes })))
      if (batch.length < BATCH) continue
      yield* await Promise.all(batch)
      batch = []
    }
    yield* await Promise.all(batch)
  } finally {
    closeSync(file)
  }
}

/** Grains for which the sparse file has data; most of it is holes. */
async function grainsWithData(path: string): Promise<number[]> {
  const map = await $({ quiet: true })`qemu-img map --output=json -f raw ${path}`
  const extents: { start: number; length: number; data: boolean; zero: boolean }[] = JSON.parse(map.stdout)
  const grains: number[] = []
  for (const { start, length, data, zero } of extents) {
    if (!data || zero) continue
    const first = Math.max(Math.floor(start / GRAIN), (grains.at(-1) ?? -1) + 1)
    for (let grain = first; grain * GRAIN < start + length; grain++) grains.push(grain)
  }
  return grains
}

/** `content` as a zlib stream (RFC 1950) of two stored blocks (RFC 1951, 3.2.4): 16 bytes longer than the content. */
export function storedStream(content: Uint8Array): Uint8Array {
  const half = SLOT_SIZE / 2
  const block = (isLast: boolean, data: Uint8Array) => {
    const head = Buffer.alloc(5)
    head[0] = isLast ? 1 : 0
    head.writeUInt16LE(data.length, 1)
    head.writeUInt16LE(data.length ^ 0xffff, 3)
    return [head, data]
  }
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(adler32(content))
  return Buffer.concat([
    Buffer.from([0x78, 0x01]),
    ...block(false, content.subarray(0, half)),
    ...block(true, content.subarray(half)),
    checksum,
  ])
}

function adler32(content: Uint8Array): number {
  const modulus = 65_521
  let low = 1
  let high = 0
  for (const byte of content) {
    low = (low + byte) % modulus
    high = (high + low) % modulus
  }
  return ((high << 16) | low) >>> 0
}

/** Appends to a file and pads each piece to whole sectors. */
class SectorWriter {
  readonly #file: number
  #sector = 0

  constructor(path: string) {
    this.#file = openSync(path, 'wx', 0o600)
  }

  /** The sector where the next piece goes. */
  get sector(): number {
    return this.#sector
  }

  put(bytes: Uint8Array): void {
    const padded = Math.ceil(bytes.length / SECTOR)
    const whole = bytes.length % SECTOR === 0 ? bytes : Buffer.concat([bytes], padded * SECTOR)
    writeSync(this.#file, whole)
    this.#sector += padded
  }

  close(): void {
    closeSync(this.#file)
  }
}
