import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toAddress } from '../../../agent/overlay/address.ts'
import { udpPath } from '../../../agent/transport/udp/link-path.ts'
import type { UdpEndpoint } from '../../../agent/underlay/datagrams.ts'

const PEER = '12D3KooWHYAxS5rAFsrfJckC1bsmKUvyijGkXhPobbZixg8uAzMD'
/** What a node behind a NAT says: its outer endpoint, where it listens over both, and a relay. */
const BEHIND_NAT = [
  `/ip4/198.51.100.7/udp/4001/p2p/${PEER}`,
  `/ip4/192.168.1.2/udp/4001/p2p/${PEER}`,
  `/ip4/192.168.1.2/tcp/4001/p2p/${PEER}`,
  `/ip4/192.0.2.9/udp/4001/p2p-circuit/p2p/${PEER}`,
]
const RELAY_ONLY = BEHIND_NAT.filter((text) => !text.includes('/tcp/'))

function kind(remote: string, endpoints: readonly string[], rest: { carries?: boolean; isRelayed?: boolean } = {}) {
  const relay = rest.isRelayed ? toAddress(5n) : undefined
  return udpPath({ remote: remote as UdpEndpoint, relay, carries: rest.carries ?? false, loss: 0 }, endpoints).kind
}

describe('a link over UDP', () => {
  test('to where the peer listens is direct, also behind one NAT with it', () => {
    assert.equal(kind('192.168.1.2:4001', BEHIND_NAT), 'direct')
    assert.equal(kind('198.51.100.7:4001', [], { carries: true }), 'direct')
    assert.equal(kind('198.51.100.7:4001', []), 'direct')
  })

  test('to the outer endpoint of a NAT is punched', () => {
    assert.equal(kind('198.51.100.7:4001', BEHIND_NAT), 'punched')
    assert.equal(kind('198.51.100.7:60123', BEHIND_NAT), 'punched')
    assert.equal(kind('198.51.100.7:60123', RELAY_ONLY), 'punched')
  })

  test('through a third node is relayed, and says through which', () => {
    assert.equal(kind('192.168.1.2:4001', BEHIND_NAT, { isRelayed: true }), 'relayed')
    const facts = { remote: '[100::1]:1' as UdpEndpoint, relay: toAddress(5n), carries: true, loss: 0.5 }
    assert.deepEqual(udpPath(facts, []), { kind: 'relayed', carrier: 'udp', through: toAddress(5n), loss: 0.5 })
  })
})
