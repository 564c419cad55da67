/**
 * Containers: the file formats that hold the one disk, and how a namespace gets into each without writing it anew.
 *
 * A container is made once for a base and cached. Its slot lies at a known place of the file in a known number of
 * bytes, whatever is in it, so that a bake copies the file and overwrites that place.
 */

import { closeSync, openSync, writeSync } from 'node:fs'

export interface RawDisk {
  /** The raw image; sparse. */
  readonly path: string
  /** Where its slot is, bytes; a multiple of SLOT_SIZE. */
  readonly slotAt: number
}

/** What tells one bake's file from another's. */
export interface Stamp {
  /** Name of the file, which some containers repeat inside. */
  readonly name: string
  /** 16 bytes that depend on what was baked and on nothing else. */
  readonly id: Uint8Array
}

/** A disk in a container, in the cache. */
export interface CachedDisk {
  readonly path: string
  /** Offset of the slot in this file. */
  readonly at: number
}

export interface Container {
  /** Ending of the file's name. */
  readonly suffix: string
  /** Writes `disk` to the file `to`, the same bytes each time; resolves with the offset of the slot in it. */
  convert(disk: RawDisk, to: string): Promise<number>
  /** The slot's content as it lies in the file: always of one length. */
  encode(slot: Uint8Array): Uint8Array
  /** Writes what belongs to one bake alone into an open file. */
  stamp?(file: number, stamp: Stamp): void
}

/**
 * Puts a slot and a stamp into a copy of a converted disk. It is not synced, which would take longer than all the rest:
 * an image that a power cut spoiled is not what its sums say.
 */
export function fill(path: string, container: Container, at: number, slot: Uint8Array, stamp: Stamp): void {
  const content = container.encode(slot)
  const file = openSync(path, 'r+')
  try {
    writeSync(file, content, 0, content.length, at)
    container.stamp?.(file, stamp)
  } finally {
    closeSync(file)
  }
}
