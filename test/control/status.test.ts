import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { metricsOf } from '../../agent/control/metrics.ts'
import { leasesOf, peersOf, statusOf } from '../../agent/control/status.ts'
import { healthyMember, loneNode, youngAgent } from './facts.ts'

/** The fields that docs/interfaces.md promises to scripts; a status may have more. */
function promised(status: ReturnType<typeof statusOf>) {
  const { phase, peerId, address, ring, namespace, leases, timings, tunnels } = status
  const { correctlyConnected, left, right, near, far, estimatedSize } = ring
  const shape = { correctlyConnected, left, right, near, far, estimatedSize }
  return { phase, peerId, address, ring: shape, namespace, leases, timings, tunnels }
}

describe('the status', () => {
  test('of a member has the promised shape', () => {
    const facts = healthyMember()
    assert.deepEqual(JSON.parse(JSON.stringify(promised(statusOf(facts)))), {
      phase: 'leased',
      peerId: '12D3KooWself',
      address: '2'.padStart(40, '0'),
      ring: {
        correctlyConnected: true,
        left: '1'.padStart(40, '0'),
        right: '3'.padStart(40, '0'),
        near: 2,
        far: 0,
        estimatedSize: 3,
      },
      namespace: { id: facts.namespace?.signed.id, name: 'lab', pool: '10.128.0.0/9' },
      leases: [{ ip: '10.128.0.7', mac: '02:00:00:00:00:01', expiresInS: 100 }],
      timings: { connectedMs: 1234, leasedMs: 1234, addressesTried: 1 },
      tunnels: [{ ip: '10.128.0.9', peerId: '12D3KooW', carrier: 'udp', rttMs: 1.2, txBytes: 10, rxBytes: 20 }],
    })
  })

  test('says null for what is not known yet, and leaves nothing out', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(promised(statusOf(youngAgent())))), {
      phase: 'started',
      peerId: null,
      address: null,
      ring: { correctlyConnected: false, left: null, right: null, near: 0, far: 0, estimatedSize: 0 },
      namespace: null,
      leases: [],
      timings: { connectedMs: null, leasedMs: null, addressesTried: null },
      tunnels: [],
    })
  })

  test('says so when the router lets nobody in', () => {
    const { links, ...rest } = healthyMember()
    assert.equal(statusOf({ ...rest, links: { ...links!, mapping: undefined } }).udp?.portMapping, null)
  })

  test('of a lone node has no neighbours', () => {
    const { ring } = statusOf(loneNode())
    assert.deepEqual([ring.left, ring.right, ring.alone, ring.estimatedSize], [null, null, true, 1])
  })

  test('says of each link how the peer is reached, how far it is, and what gets lost', () => {
    assert.deepEqual(statusOf(healthyMember()).links[0], {
      address: '1'.padStart(40, '0'),
      roles: ['near'],
      relayed: false,
      remote: '/ip4/192.0.2.1/udp/4001',
      kind: 'direct',
      through: null,
      rttMs: 1.3,
      loss: 0.012,
      whyNotBetter: null,
    })
  })

  test('says where others see the node and get in, when its links speak, and what its sockets can', () => {
    assert.deepEqual(statusOf(healthyMember()).udp, {
      mapping: 'predictable',
      outer: ['198.51.100.7:4001'],
      portMapping: { protocol: 'pcp', outer: '192.0.2.7:4001', tcp: '192.0.2.7:4002', expiresInS: 3000 },
      keepAliveMs: 30_000,
      keepAliveMeasured: true,
      sockets: [{ at: '0.0.0.0:4001', gro: true, gso: false }],
    })
    assert.equal(statusOf(youngAgent()).udp, null)
  })

  test('lists peers and leases', () => {
    assert.equal(peersOf(healthyMember()).length, 2)
    assert.deepEqual(leasesOf(loneNode()), [])
  })
})

test('the metrics are samples of declared names', () => {
  const lines = metricsOf(healthyMember()).trimEnd().split('\n')
  const declared = new Set<string>()
  for (const line of lines) {
    const type = /^# TYPE (\w+) (gauge|counter)$/.exec(line)?.[1]
    if (type !== undefined) declared.add(type)
    if (line.startsWith('#')) continue
    const name = /^(\w+)(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[\d.e+-]+$/.exec(line)?.[1]
    assert.ok(name !== undefined && declared.has(name), line)
  }
  assert.ok(lines.includes('wow_phase_milliseconds{phase="leased"} 1234'))
  assert.ok(lines.includes('wow_frames_total{outcome="tap-in"} 4'))
  assert.ok(lines.includes('wow_link_faults_total{carrier="udp",fault="failedDials"} 2'))
  assert.ok(lines.includes('wow_link_faults_total{carrier="tcp",fault="failedDials"} 0'))
  assert.ok(lines.includes('wow_udp_total{outcome="drop-unknown-receiver"} 3'))
  assert.ok(lines.includes('wow_port_mapping{protocol="pcp"} 1'))
  assert.ok(lines.includes('wow_port_mapping_total{outcome="asked"} 2'))
})
