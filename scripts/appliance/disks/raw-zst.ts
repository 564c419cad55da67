/**
 * The raw disk, compressed by zstd in three frames: before the slot, the slot, after it (RFC 8878: concatenated frames
 * decompress to their concatenated contents).
 *
 * The middle frame is one raw block, so its length never changes.
 */

import { statSync, writeFileSync } from 'node:fs'
import { $ } from 'zx'
import type { Container } from './container.ts'
import { emptySlot, SLOT_SIZE } from './slot.ts'

/** Higher levels gain little, and most of the work is in the disk's zeros. */
const LEVEL = 3
/** Fixed, because the number of threads changes the output's bytes, not only the speed. */
const THREADS = 2

const MAGIC = 0xfd2fb528
/** Four bytes of content size, one segment, no checksum. */
const DESCRIPTOR = 0b1010_0000
const LAST_RAW_BLOCK = 1

export const rawZst: Container = {
  suffix: 'raw.zst',
  async convert({ path, slotAt }, to) {
    const sh = $({ quiet: true })
    const zstd = ['zstd', '--quiet', `-${LEVEL}`, `-T${THREADS}`, '--stdout']
    await sh`head --bytes=${slotAt} ${path} | ${zstd} >${to}`
    const frameAt = statSync(to).size
    writeFileSync(to, rawFrame(emptySlot()), { flag: 'a' })
    await sh`tail --bytes=+${slotAt + SLOT_SIZE + 1} ${path} | ${zstd} >>${to}`
    return frameAt
  },
  encode: rawFrame,
}

/** A whole zstd frame with `content`, at most 128 KiB, uncompressed. */
export function rawFrame(content: Uint8Array): Uint8Array {
  const head = Buffer.alloc(12)
  head.writeUInt32LE(MAGIC, 0)
  head[4] = DESCRIPTOR
  head.writeUInt32LE(content.length, 5)
  head.writeUIntLE((content.length << 3) | LAST_RAW_BLOCK, 9, 3)
  return Buffer.concat([head, content])
}
