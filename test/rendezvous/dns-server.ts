/** A DNS server on the loopback that answers TXT questions (RFC 1035), so that real resolvers can be asked. */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

const HEADER = 12
const TXT = 16
const NAME_ERROR = 3

export interface DnsServer {
  /** What `Resolver.setServers` takes. */
  readonly address: string
  close(): void
}

/** `records`: texts of each domain. A domain that is not there has no such name. */
export async function dnsServer(records: ReadonlyMap<string, readonly string[]>): Promise<DnsServer> {
  const socket = createSocket('udp4')
  socket.on('message', (question, from) => {
    const { domain, end } = domainIn(question)
    socket.send(answer(question.subarray(0, end + 4), records.get(domain)), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  return { address: `127.0.0.1:${port}`, close: () => socket.close() }
}

function domainIn(question: Buffer): { domain: string; end: number } {
  const labels: string[] = []
  let at = HEADER
  for (let length = question[at]!; length > 0; length = question[at]!) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { domain: labels.join('.').toLowerCase(), end: at + 1 }
}

/** `question`: header and the one question, without what may follow. */
function answer(question: Buffer, texts: readonly string[] | undefined): Buffer {
  const header = Buffer.from(question)
  header.writeUInt16BE(0x8180 | (texts === undefined ? NAME_ERROR : 0), 2)
  header.writeUInt16BE(texts?.length ?? 0, 6)
  header.writeUInt32BE(0, 8)
  return Buffer.concat([header, ...(texts ?? []).map(txtRecord)])
}

function txtRecord(text: string): Buffer {
  const strings = text
    .match(/.{1,255}/gs)!
    .map((part) => Buffer.from(`${String.fromCharCode(part.length)}${part}`, 'latin1'))
  const data = Buffer.concat(strings)
  const head = Buffer.alloc(12)
  // The name is that of the question.
  head.writeUInt16BE(0xc000 | HEADER, 0)
  head.writeUInt16BE(TXT, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(60, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
