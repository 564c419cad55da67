import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { whyNotBetter } from '../../agent/control/why-not.ts'
import type { PathKind } from '../../agent/overlay/link.ts'
import type { NatMapping } from '../../agent/transport/udp/outer-endpoints.ts'
import { wholeRing } from './facts.ts'

const OPEN = ['/ip4/192.0.2.1/udp/4001', '/ip4/192.0.2.1/tcp/4001']
const PEER = '12D3KooWHYAxS5rAFsrfJckC1bsmKUvyijGkXhPobbZixg8uAzMD'
const GUARDED = ['/ip4/192.168.1.2/udp/4001', `/ip4/192.0.2.9/udp/4001/p2p-circuit/p2p/${PEER}`]
const WITHOUT_UDP = ['/ip4/192.0.2.1/tcp/4001']

function why(kind: PathKind, carrier: 'udp' | 'tcp', endpoints: readonly string[], mapping: NatMapping) {
  return whyNotBetter({ ...wholeRing().links[0]!, kind, carrier, endpoints }, mapping)
}

describe('why a link takes no better path', () => {
  test('is no question where it is direct or punched over UDP', () => {
    assert.equal(why('direct', 'udp', OPEN, 'none'), undefined)
    assert.equal(why('punched', 'udp', GUARDED, 'random'), undefined)
  })

  test('is the NATs, where there are some', () => {
    assert.match(why('relayed', 'udp', GUARDED, 'random') ?? '', /this node's NAT randomises its ports/)
    assert.match(why('relayed', 'udp', GUARDED, 'predictable') ?? '', /the peer's NAT was not got through/)
    assert.match(why('relayed', 'udp', GUARDED, 'none') ?? '', /behind a NAT/)
    assert.match(why('relayed', 'udp', OPEN, 'none') ?? '', /not reached directly/)
  })

  test('is what blocks UDP, where a link goes over TCP', () => {
    assert.match(why('tcp', 'tcp', OPEN, 'unknown') ?? '', /UDP seems blocked/)
    assert.match(why('tcp', 'tcp', WITHOUT_UDP, 'none') ?? '', /no UDP endpoint/)
    assert.match(why('tcp', 'tcp', OPEN, 'none') ?? '', /not reached over UDP/)
    assert.match(why('relayed', 'tcp', OPEN, 'none') ?? '', /neither over UDP nor directly/)
  })
})
