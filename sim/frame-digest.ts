/**
 * SHA-256 over the time, receiver and bytes of every frame, or the time, sender and bytes of every datagram. Frames are gathered first, because each call of the hash costs
 * about a microsecond.
 */

import { createHash } from 'node:crypto'
import type { Address } from '../agent/overlay/address.ts'

/** Bytes that are gathered before they are hashed. */
const GATHERED = 256 * 1024
/** The time, the node and the length before each frame, bytes. */
const HEAD = 8 + 8 + 4

export class FrameDigest {
  readonly #hash = createHash('sha256')
  readonly #bytes = Buffer.allocUnsafe(GATHERED)
  #at = 0

  add(now: number, node: Address, frame: Uint8Array): void {
    if (this.#at + HEAD + frame.length > GATHERED) this.#flush()
    this.#bytes.writeDoubleBE(now, this.#at)
    // The upper 64 bits tell the nodes of a simulation apart.
    this.#bytes.writeBigUInt64BE(node >> 96n, this.#at + 8)
    this.#bytes.writeUInt32BE(frame.length, this.#at + 16)
    this.#at += HEAD
    this.#bytes.set(frame, this.#at)
    this.#at += frame.length
  }

  /** The digest so far. */
  hex(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#bytes.subarray(0, this.#at))
    this.#at = 0
  }
}
