/**
 * Containers: the file formats for the one disk, and how a namespace gets into each without rewriting the file.
 *
 * A container is made once for a base and cached. Its slot is at a known offset of the file and has a known length,
 * whatever is in it, so a bake copies the file and overwrites the slot.
 */

import { closeSync, openSync, writeSync } from 'node:fs'

export interface RawDisk {
  /** The raw image; sparse. */
  readonly path: string
  /** Where its slot is, bytes; a multiple of SLOT_SIZE. */
  readonly slotAt: number
}

/** Tells one bake's file from another's. */
export interface Stamp {
  /** Name of the file, which some containers repeat inside. */
  readonly name: string
  /** 16 bytes that depend only on what was baked. */
  readonly id: Uint8Array
}

/** A disk in a container, in the cache. */
export interface CachedDisk {
  readonly path: string
  /** Offset of the slot in this file. */
  readonly at: number
}

export interface Container {
  /** Suffix of the file's name. */
  readonly suffix: string
  /** Writes `disk` to the file `to`, the same bytes each time; resolves with the offset of the slot in it. */
  convert(disk: RawDisk, to: string): Promise<number>
  /** The slot's content as stored in the file: always of the same length. */
  encode(slot: Uint8Array): Uint8Array
  /** Writes what is unique to one bake into an open file. */
  stamp?(file: number, stamp: Stamp): void
}

/**
 * Puts a slot and a stamp into a copy of a converted disk. The file is not synced, which would take longer than all the
 * rest: an image that a power cut spoiled does not match its sums.
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
