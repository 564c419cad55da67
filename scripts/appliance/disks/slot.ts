/**
 * The slot: one 64 KiB file on the firmware's file system that the host overwrites in place.
 *
 * Inside the guest it is /etc/wow/appliance.json, padded with spaces. On the disk it is one run of bytes at a known,
 * 64 KiB-aligned offset, so a bake writes one cluster of a finished image and need not understand file systems.
 */

import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import type { ApplianceConfig } from '../../../agent/boot/config.ts'
import { utf8 } from '../../../agent/core/bytes.ts'
import { InputError } from '../../../agent/core/errors.ts'

/** Bytes; also the cluster of a qcow2 image and the grain of a VMDK. */
export const SLOT_SIZE = 65_536

/** @throws InputError when the settings do not fit. */
export function slotBytes(config: ApplianceConfig): Uint8Array {
  const json = utf8(`${JSON.stringify(config)}\n`)
  if (json.length > SLOT_SIZE) {
    throw new InputError(
      'SLOT_FULL',
      `NS, BOOTSTRAP and SSH_KEY: together ${json.length} bytes, the image has room for ${SLOT_SIZE}`,
      'Give fewer bootstrap addresses or SSH keys',
    )
  }
  const slot = new Uint8Array(SLOT_SIZE).fill(0x20)
  slot.set(json)
  slot[SLOT_SIZE - 1] = 0x0a
  return slot
}

/**
 * Fills the slot before a bake: a valid, empty configuration whose padding differs in every sector, so that finding it
 * whole on the disk proves that the file is in one piece.
 */
export function emptySlot(): Uint8Array {
  let text = '{"slot":"'
  for (let i = 0; text.length < SLOT_SIZE; i++) text += createHash('sha256').update(`wow slot ${i}`).digest('hex')
  return utf8(`${text.slice(0, SLOT_SIZE - 3)}"}\n`)
}

/** Offset of `content` (whole sectors) on the disk, searched at sector boundaries between `from` and `to` (bytes). */
export function findOnDisk(disk: string, content: Uint8Array, from: number, to: number): number | undefined {
  const file = openSync(disk, 'r')
  try {
    const head = Buffer.from(content.subarray(0, 512))
    const whole = Buffer.alloc(content.length)
    const chunk = Buffer.alloc(1 << 20)
    for (let at = from; at < to; at += chunk.length) {
      const length = readSync(file, chunk, 0, chunk.length, at)
      for (let sector = 0; sector + 512 <= length; sector += 512) {
        if (chunk.compare(head, 0, 512, sector, sector + 512) !== 0) continue
        readSync(file, whole, 0, whole.length, at + sector)
        if (whole.equals(content)) return at + sector
      }
    }
    return undefined
  } finally {
    closeSync(file)
  }
}
