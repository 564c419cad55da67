/**
 * qcow2, compressed by zstd, with the slot in a plain cluster.
 *
 * The two-level cluster map (QEMU's docs/interop/qcow2.txt) says where a byte of the disk is in the file. A cluster can
 * be overwritten in place only if it is stored plainly: not compressed, not shared with a snapshot.
 */

import { closeSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { $ } from 'zx'
import type { Container } from './container.ts'
import { emptySlot, SLOT_SIZE } from './slot.ts'

const MAGIC = 0x514649fb
const OFFSET_BITS = 0x00ff_ffff_ffff_fe00n
const COPIED = 1n << 63n
const COMPRESSED = 1n << 62n

export const qcow2: Container = {
  suffix: 'qcow2',
  async convert({ path, slotAt }, to) {
    const sh = $({ quiet: true })
    await sh`qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd -m 2 ${path} ${to}`
    // Rewriting the slot's cluster makes it a plain one.
    const slot = `${to}.slot`
    writeFileSync(slot, emptySlot())
    await sh`qemu-io -f qcow2 -c ${`write -q -s ${slot} ${slotAt} ${SLOT_SIZE}`} ${to}`
    rmSync(slot)
    await sh`qemu-img check -q ${to}`
    const file = openSync(to, 'r')
    try {
      return qcow2Offset(file, slotAt)
    } finally {
      closeSync(file)
    }
  },
  encode: (slot) => slot,
}

/** Offset in the file of byte `at` of the disk. @throws when its cluster is not stored plainly. */
export function qcow2Offset(file: number, at: number): number {
  const header = Buffer.alloc(72)
  readSync(file, header, 0, header.length, 0)
  if (header.readUInt32BE(0) !== MAGIC) throw new Error('not a qcow2 image')
  const clusterBits = header.readUInt32BE(20)
  const clusterSize = 2 ** clusterBits
  const cluster = Math.floor(at / clusterSize)
  const perTable = clusterSize / 8
  const first = entry(file, Number(header.readBigUInt64BE(40)) + 8 * Math.floor(cluster / perTable))
  const table = Number(first & OFFSET_BITS)
  const second = table === 0 ? 0n : entry(file, table + 8 * (cluster % perTable))
  const offset = Number(second & OFFSET_BITS)
  if ((second & COMPRESSED) !== 0n || (second & COPIED) === 0n || offset === 0) {
    throw new Error(`byte ${at} of the disk is not stored as a plain cluster`)
  }
  return offset + (at % clusterSize)
}

function entry(file: number, at: number): bigint {
  const bytes = Buffer.alloc(8)
  readSync(file, bytes, 0, 8, at)
  return bytes.readBigUInt64BE(0)
}
