/** Tunnel records as docs/protocol.md describes them, made and opened by Node's own crypto: a second implementation. */

import { createCipheriv, createDecipheriv } from 'node:crypto'
import { concat } from '../../agent/core/bytes.ts'

const HEAD = 13
const TAG = 16

export const PARTIAL = 1
export const FIRST_HALF = 2
export const SECOND_HALF = 4
export const PROBE = 8

export function sealRecord(
  key: Uint8Array,
  { receiver, counter, flags = 0 }: { receiver: number; counter: number; flags?: number },
  packet: Uint8Array,
): Uint8Array {
  const head = Buffer.alloc(HEAD)
  head[0] = 0xd5
  head.writeUInt32BE(receiver, 1)
  head.writeBigUInt64BE(BigInt(counter), 5)
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(head)).setAAD(head)
  const sealed = concat(cipher.update(concat(Uint8Array.of(flags), packet)), cipher.final())
  return concat(head, sealed, cipher.getAuthTag())
}

/** @throws when the record is not authentic */
export function openRecord(key: Uint8Array, record: Uint8Array) {
  const head = Buffer.from(record.subarray(0, HEAD))
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(head)).setAAD(head)
  decipher.setAuthTag(record.subarray(record.length - TAG))
  const plain = concat(decipher.update(record.subarray(HEAD, record.length - TAG)), decipher.final())
  return {
    receiver: head.readUInt32BE(1),
    counter: Number(head.readBigUInt64BE(5)),
    flags: plain[0]!,
    packet: plain.subarray(1),
  }
}

function nonceOf(head: Buffer): Uint8Array {
  return concat(new Uint8Array(4), head.subarray(5, HEAD))
}
