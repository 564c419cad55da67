/**
 * VDI, VirtualBox's own format: plain blocks of 1 MiB, found by a map.
 *
 * VirtualBox knows a disk by the UUID in its header and refuses a second disk with the same UUID, so each bake has its
 * own.
 */

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { $ } from 'zx'
import type { Container } from './container.ts'

const SIGNATURE = 0xbeda107f
/** Fields of the header (VDICore.h of VirtualBox). */
const SIGNATURE_AT = 0x40
const MAP_AT = 0x154
const DATA_AT = 0x158
const BLOCK_SIZE_AT = 0x178
const UUID_CREATE_AT = 0x188
const UUID_MODIFY_AT = 0x198
const HEADER_SIZE = 0x1c8
/** Map entries from this value on mean no block, or a block of zeros. */
const NO_BLOCK = 0xfffffffe

export const vdi: Container = {
  suffix: 'vdi',
  async convert({ path, slotAt }, to) {
    await $({ quiet: true })`qemu-img convert -f raw -O vdi ${path} ${to}`
    const file = openSync(to, 'r+')
    try {
      stampUuids(file, new Uint8Array(16))
      return vdiOffset(file, slotAt)
    } finally {
      closeSync(file)
    }
  },
  encode: (slot) => slot,
  stamp: (file, { id }) => stampUuids(file, id),
}

function stampUuids(file: number, id: Uint8Array): void {
  const uuid = asUuid(id)
  writeSync(file, uuid, 0, uuid.length, UUID_CREATE_AT)
  writeSync(file, uuid, 0, uuid.length, UUID_MODIFY_AT)
}

/** `id` as a version 4 UUID in this format's byte order: the first three fields are little-endian. */
function asUuid(id: Uint8Array): Uint8Array {
  const uuid = Uint8Array.from(id)
  uuid[7] = ((uuid[7] ?? 0) & 0x0f) | 0x40
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80
  return uuid
}

/** Offset in the file of byte `at` of the disk. */
export function vdiOffset(file: number, at: number): number {
  const header = Buffer.alloc(HEADER_SIZE)
  readSync(file, header, 0, header.length, 0)
  if (header.readUInt32LE(SIGNATURE_AT) !== SIGNATURE) throw new Error('not a VDI image')
  const blockSize = header.readUInt32LE(BLOCK_SIZE_AT)
  const entry = Buffer.alloc(4)
  readSync(file, entry, 0, 4, header.readUInt32LE(MAP_AT) + 4 * Math.floor(at / blockSize))
  const block = entry.readUInt32LE(0)
  if (block >= NO_BLOCK) throw new Error(`byte ${at} of the disk has no block`)
  return header.readUInt32LE(DATA_AT) + block * blockSize + (at % blockSize)
}
