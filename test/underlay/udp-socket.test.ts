import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Counters } from '../../agent/core/counters.ts'
import type { DatagramSocket, UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'
import { BothFamilies, openUdpSocket, type UdpSocket } from '../../agent/underlay/udp-socket.ts'

/** How long a datagram may take over the loopback before the test fails, ms; it measures nothing. */
const PATIENCE_MS = 20_000

function next(socket: DatagramSocket): Promise<{ bytes: number[]; from: UdpEndpoint }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no datagram came')), PATIENCE_MS)
    socket.onDatagram = (datagram, from) => {
      clearTimeout(timer)
      resolve({ bytes: [...datagram], from })
    }
  })
}

describe('a UDP socket', () => {
  const counters = new Counters()
  let a: UdpSocket
  let b: UdpSocket
  let b6: UdpSocket

  beforeEach(async () => {
    a = await openUdpSocket('127.0.0.1', 0, counters)
    b = await openUdpSocket('127.0.0.1', 0, counters)
    b6 = await openUdpSocket('::1', 0, counters)
  })

  afterEach(() => {
    for (const socket of [a, b, b6]) socket.close()
  })

  const at = (socket: UdpSocket) => udpEndpoint(socket.isIp6 ? '::1' : '127.0.0.1', socket.port)!

  test('hands over datagrams with the endpoint that they came from', async () => {
    const heard = next(b)
    a.send(Uint8Array.of(1, 2, 3), at(b))
    assert.deepEqual(await heard, { bytes: [1, 2, 3], from: at(a) })
  })

  test('loses what cannot be sent, counts it, and goes on', async () => {
    const heard = next(b)
    a.send(new Uint8Array(70_000), at(b))
    a.send(Uint8Array.of(1), at(b6))
    a.send(Uint8Array.of(4), at(b))
    assert.deepEqual((await heard).bytes, [4])
    assert.equal(counters.get('drop-udp-EMSGSIZE'), 1)
  })

  test('goes on after the other end is gone', async () => {
    const gone = at(b)
    b.close()
    for (let i = 0; i < 3; i++) a.send(Uint8Array.of(i), gone)
    b = await openUdpSocket('127.0.0.1', 0, counters)
    const heard = next(b)
    a.send(Uint8Array.of(9), at(b))
    assert.deepEqual((await heard).bytes, [9])
  })

  test('sends nothing, and throws nothing, once it is closed', () => {
    a.close()
    a.close()
    a.send(Uint8Array.of(1), at(b))
  })

  test('that is two serves both address families', async () => {
    const other = await openUdpSocket('::1', 0, counters)
    const both = new BothFamilies(a, other)
    for (const target of [b, b6]) {
      const heard = next(target)
      both.send(Uint8Array.of(5), at(target))
      const { from } = await heard
      const answer = next(both)
      target.send(Uint8Array.of(6), from)
      assert.deepEqual(await answer, { bytes: [6], from: at(target) })
    }
    both.close()
  })

  test('cannot be had twice', async () => {
    await assert.rejects(openUdpSocket('127.0.0.1', a.port, counters), { code: 'EADDRINUSE' })
  })
})
