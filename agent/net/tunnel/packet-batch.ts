/** A batch of IP packets as a data message carries it: each packet is prefixed with its length (u16). */

const LENGTH_BYTES = 2
const FIRST_SIZE = 2048

/** The packets of one wake-up for one peer. Copies packets; allocates only to grow and in `take`. */
export class PacketBatch {
  #bytes = new Uint8Array(FIRST_SIZE)
  #prefixLength = 0
  #length = 0
  #packets = 0

  /** Bytes of the datagram so far. */
  get length(): number {
    return this.#length
  }

  /** Bytes before the first packet. */
  get prefixLength(): number {
    return this.#prefixLength
  }

  get packets(): number {
    return this.#packets
  }

  /** Clears the batch; every datagram now begins with `prefix`. */
  reset(prefix: Uint8Array): void {
    this.#bytes.set(prefix)
    this.#prefixLength = prefix.length
    this.clear()
  }

  clear(): void {
    this.#length = this.#prefixLength
    this.#packets = 0
  }

  /** The datagram's length with one more packet of `length` bytes. */
  lengthWith(length: number): number {
    return this.#length + LENGTH_BYTES + length
  }

  push(packet: Uint8Array): void {
    const end = this.lengthWith(packet.length)
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2))
      larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    this.#bytes[this.#length] = packet.length >>> 8
    this.#bytes[this.#length + 1] = packet.length & 0xff
    this.#bytes.set(packet, this.#length + LENGTH_BYTES)
    this.#length = end
    this.#packets++
  }

  /** The datagram, in its own memory: the carrier keeps it until it is on the wire. */
  take(): Uint8Array {
    const datagram = this.#bytes.slice(0, this.#length)
    this.clear()
    return datagram
  }
}

/** Calls `each` with a view of every packet, up to one that is cut off or empty; returns false if there is one. */
export function eachPacket(bytes: Uint8Array, each: (packet: Uint8Array) => void): boolean {
  let at = 0
  while (at < bytes.length) {
    if (at + LENGTH_BYTES > bytes.length) return false
    const length = (bytes[at]! << 8) | bytes[at + 1]!
    at += LENGTH_BYTES
    if (length === 0 || at + length > bytes.length) return false
    each(bytes.subarray(at, at + length))
    at += length
  }
  return true
}
