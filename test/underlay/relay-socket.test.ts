import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Clock } from '../../agent/core/clock.ts'
import { Counters } from '../../agent/core/counters.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { RELAY_LINK_BYTES_PER_S } from '../../agent/underlay/constants.ts'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { RELAY_ROOM, RelaySocket } from '../../agent/underlay/relay-socket.ts'
import type { PayloadKind, Session } from '../../agent/underlay/sessions.ts'
import { udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const [A, B, RELAY, STRANGER] = [toAddress(1n), toAddress(2n), toAddress(3n), toAddress(4n)]

/** A node with sessions that hand payloads over at once. */
class Node {
  readonly address: Address
  readonly counters = new Counters()
  readonly sessions = new Map<Address, Session>()
  readonly heard: { datagram: number[]; from: UdpEndpoint }[] = []
  readonly refused: UdpEndpoint[] = []
  readonly socket: RelaySocket

  constructor(address: Address, clock: Clock) {
    this.address = address
    this.socket = new RelaySocket({ sessionWith: (peer) => this.sessions.get(peer), clock, counters: this.counters })
    this.socket.onDatagram = (datagram, from) => this.heard.push({ datagram: [...datagram], from })
    this.socket.onRefused = (endpoint) => this.refused.push(endpoint)
  }

  link(other: Node): void {
    this.sessions.set(other.address, sessionTo(other, this.address))
    other.sessions.set(this.address, sessionTo(this, other.address))
  }
}

function sessionTo(node: Node, from: Address): Session {
  return {
    peer: node.address,
    outgoing: true,
    remote: udpEndpoint('192.0.2.1', 1)!,
    quietMs: 15_000,
    askLater: () => {},
    maxPayload: 200,
    send: (kind: PayloadKind, payload: Uint8Array) => {
      assert.equal(kind, 'datagram')
      node.socket.receive(from, payload)
    },
    heardFrom: () => {},
    roundTripMs: () => undefined,
    close: () => {},
    onPayload: () => {},
    onMoved: () => {},
    onClose: () => {},
  }
}

describe('a socket through relays', () => {
  let a: Node
  let b: Node
  let relay: Node
  let clock: VirtualClock

  beforeEach(() => {
    clock = new VirtualClock()
    ;[a, b, relay] = [new Node(A, clock), new Node(B, clock), new Node(RELAY, clock)]
    a.link(relay)
    b.link(relay)
  })

  test('reaches a node that the relay has a session with, which can answer', () => {
    a.socket.send(Uint8Array.of(1, 2), a.socket.endpointOf(RELAY, B))
    assert.deepEqual(b.heard[0]?.datagram, [1, 2])
    const from = b.heard[0]!.from
    assert.equal(from, b.socket.endpointOf(RELAY, A))
    assert.equal(b.socket.relayOf(from), RELAY)
    b.socket.send(Uint8Array.of(3), from)
    assert.deepEqual(a.heard, [{ datagram: [3], from: a.socket.endpointOf(RELAY, B) }])
    assert.deepEqual(relay.heard, [])
  })

  test('has an endpoint for each pair of relay and peer, which is a UDP endpoint like any other', () => {
    const endpoints = [
      [RELAY, B],
      [RELAY, A],
      [B, RELAY],
    ].map(([through, peer]) => a.socket.endpointOf(through!, peer!))
    assert.equal(new Set(endpoints).size, 3)
    for (const endpoint of endpoints) assert.match(endpoint, /^\[100::[0-9a-f:]*\]:1$/)
    assert.equal(a.socket.endpointOf(RELAY, B), endpoints[0])
  })

  test('learns that the relay has no session with a node', () => {
    a.socket.send(Uint8Array.of(1), a.socket.endpointOf(RELAY, STRANGER))
    assert.deepEqual(a.refused, [a.socket.endpointOf(RELAY, STRANGER)])
  })

  test('loses, and counts, what no relay can take', () => {
    a.socket.send(Uint8Array.of(1), a.socket.endpointOf(STRANGER, B))
    a.socket.send(Uint8Array.of(1), udpEndpoint('192.0.2.1', 1)!)
    a.socket.send(new Uint8Array(200), a.socket.endpointOf(RELAY, B))
    a.socket.send(new Uint8Array(179), a.socket.endpointOf(RELAY, B))
    assert.equal(b.heard.length, 1)
    assert.deepEqual(a.counters.snapshot(), { 'drop-relay-lost': 2, 'drop-relay-oversized': 1 })
  })

  /** Datagrams that `relay` says it carried, of so many senders. */
  const nameSenders = (by: Address, count: number) => {
    const random = new SeededRandom(3)
    for (let i = 0; i < count; i++) a.socket.receive(by, Uint8Array.of(2, ...random.bytes(20), 1))
  }

  test('forgets the endpoints unused for longest when a relay names many senders', () => {
    const mine = a.socket.endpointOf(RELAY, B)
    nameSenders(RELAY, 2_000)
    assert.equal(a.socket.relayOf(mine), undefined)
    assert.notEqual(a.socket.endpointOf(RELAY, B), mine)
  })

  test('forgets none behind another relay, and none that is in use', () => {
    const mine = a.socket.endpointOf(RELAY, B)
    nameSenders(STRANGER, 2_000)
    assert.equal(a.socket.relayOf(mine), RELAY)
    for (let i = 0; i < 20; i++) {
      nameSenders(RELAY, 200)
      a.socket.send(Uint8Array.of(1), mine)
    }
    assert.equal(a.socket.relayOf(mine), RELAY)
    assert.equal(b.heard.length, 20)
  })

  test('carries no more for one link than its rate, and for another one all the same', async () => {
    const datagram = new Uint8Array(150)
    const flood = (bytes: number) => {
      const before = b.heard.length
      for (let sent = 0; sent < 2 * RELAY_LINK_BYTES_PER_S; sent += bytes + RELAY_ROOM) {
        a.socket.send(new Uint8Array(bytes), a.socket.endpointOf(RELAY, B))
      }
      return Math.round(((b.heard.length - before) * (bytes + RELAY_ROOM)) / 10_000) * 10_000
    }
    assert.equal(flood(150), RELAY_LINK_BYTES_PER_S)
    assert.ok(relay.counters.get('drop-relay-quota') > 0)
    b.socket.send(datagram, b.socket.endpointOf(RELAY, A))
    assert.equal(a.heard.length, 1)
    await clock.runFor(500)
    assert.equal(flood(1), RELAY_LINK_BYTES_PER_S / 2)
  })

  test('survives any payload', () => {
    const random = new SeededRandom(4)
    for (let i = 0; i < 10_000; i++) {
      const payload = random.bytes(random.below(60))
      if (payload.length > 0) payload[0] = random.below(6)
      relay.socket.receive(A, payload)
    }
    assert.ok(relay.counters.get('drop-relay-malformed') > 1_000)
  })

  test('is silent once it is closed', () => {
    const to = a.socket.endpointOf(RELAY, B)
    a.socket.close()
    a.socket.send(Uint8Array.of(1), to)
    b.socket.send(Uint8Array.of(1), b.socket.endpointOf(RELAY, A))
    assert.deepEqual([a.heard, b.heard], [[], []])
  })
})
