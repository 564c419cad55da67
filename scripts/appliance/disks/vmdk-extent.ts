/**
 * What both kinds of VMDK share: a sparse extent's header, and the descriptor, a text inside the file that names it
 * (VMware, "Virtual Disk Format 5.0").
 */

import { readSync, writeSync } from 'node:fs'
import type { Stamp } from './container.ts'

export const SECTOR = 512
/** Bytes; a slot is exactly one grain. */
export const GRAIN = 65_536
export const GRAIN_SECTORS = GRAIN / SECTOR
/** Grains that one grain table maps. */
export const TABLE_ENTRIES = 512
const MAGIC = 0x564d444b
/** The usual geometry of disks of this size; only old BIOSes look at it. */
const HEADS = 255
const SECTORS_PER_TRACK = 63
/** Version of the virtual hardware: VMware 5.5 and newer. */
const HARDWARE_VERSION = 10

export type Kind = 'streamOptimized' | 'monolithicSparse'

export interface ExtentHeader {
  readonly version: number
  readonly flags: number
  /** All in sectors. */
  readonly capacity: number
  readonly descriptorAt: number
  readonly descriptorSize: number
  readonly redundantDirectoryAt: number
  readonly directoryAt: bigint
  readonly overhead: number
  readonly compression: number
}

export function encodeHeader(header: ExtentHeader): Buffer {
  const bytes = Buffer.alloc(SECTOR)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt32LE(header.version, 4)
  bytes.writeUInt32LE(header.flags, 8)
  bytes.writeBigUInt64LE(BigInt(header.capacity), 12)
  bytes.writeBigUInt64LE(BigInt(GRAIN_SECTORS), 20)
  bytes.writeBigUInt64LE(BigInt(header.descriptorAt), 28)
  bytes.writeBigUInt64LE(BigInt(header.descriptorSize), 36)
  bytes.writeUInt32LE(TABLE_ENTRIES, 44)
  bytes.writeBigUInt64LE(BigInt(header.redundantDirectoryAt), 48)
  bytes.writeBigUInt64LE(header.directoryAt, 56)
  bytes.writeBigUInt64LE(BigInt(header.overhead), 64)
  // Byte 72 says whether the file was closed properly; these four bytes show when a transfer as text spoiled it.
  bytes.write('\n \r\n', 73, 'latin1')
  bytes.writeUInt16LE(header.compression, 77)
  return bytes
}

export function readHeader(file: number): ExtentHeader {
  const bytes = Buffer.alloc(SECTOR)
  readSync(file, bytes, 0, SECTOR, 0)
  if (bytes.readUInt32LE(0) !== MAGIC) throw new Error('not a sparse VMDK')
  const sectors = (at: number) => Number(bytes.readBigUInt64LE(at))
  if (sectors(20) !== GRAIN_SECTORS) throw new Error(`a VMDK with grains of ${sectors(20)} sectors`)
  return {
    version: bytes.readUInt32LE(4),
    flags: bytes.readUInt32LE(8),
    capacity: sectors(12),
    descriptorAt: sectors(28),
    descriptorSize: sectors(36),
    redundantDirectoryAt: sectors(48),
    directoryAt: bytes.readBigUInt64LE(56),
    overhead: sectors(64),
    compression: bytes.readUInt16LE(77),
  }
}

/** The descriptor of a disk whose one extent is the file itself. */
export function descriptor(kind: Kind, capacity: number, { name, id }: Stamp): string {
  const cylinders = Math.floor(capacity / HEADS / SECTORS_PER_TRACK)
  // The content id changes with the content; all ones would mean that there is none.
  const contentId = (Buffer.from(id).readUInt32BE(0) & 0x7fff_ffff).toString(16).padStart(8, '0')
  return `# Disk DescriptorFile
version=1
CID=${contentId}
parentCID=ffffffff
createType="${kind}"

# Extent description
RW ${capacity} SPARSE "${name}"

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "${cylinders}"
ddb.geometry.heads = "${HEADS}"
ddb.geometry.sectors = "${SECTORS_PER_TRACK}"
ddb.virtualHWVersion = "${HARDWARE_VERSION}"
`
}

/** Writes the descriptor to the place that the header gives. */
export function stampDescriptor(file: number, kind: Kind, stamp: Stamp): void {
  const { capacity, descriptorAt, descriptorSize } = readHeader(file)
  const room = Buffer.alloc(descriptorSize * SECTOR)
  const text = Buffer.from(descriptor(kind, capacity, stamp))
  if (text.length > room.length) throw new RangeError(`the descriptor of ${stamp.name} does not fit its place`)
  text.copy(room)
  writeSync(file, room, 0, room.length, descriptorAt * SECTOR)
}
