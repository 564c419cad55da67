import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { toAddress } from '../../agent/overlay/address.ts'
import type { Carrier, Contact, Link } from '../../agent/overlay/link.ts'
import { EitherLinks } from '../../agent/transport/either-links.ts'
import { LinkError } from '../../agent/transport/errors.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from '../overlay/link-to.ts'
import { noNames } from './no-names.ts'
import { StubLinks } from './stub-links.ts'

const UNREACHABLE = new LinkError('unreachable', 'Refused.')

describe('a better link than the one that stands', () => {
  const contact: Contact = { address: toAddress(2n), endpoints: ['/ip4/192.0.2.1/udp/1', '/ip4/192.0.2.1/tcp/1'] }
  const overTcp = contact.endpoints.slice(1)
  const stands = (carrier: Carrier, relayed = false): Link => linkTo(contact.address, true, { relayed, carrier })
  let udp: StubLinks
  let tcp: StubLinks
  let links: EitherLinks

  beforeEach(() => {
    const clock = new VirtualClock()
    udp = new StubLinks(clock, [])
    tcp = new StubLinks(clock, [])
    links = new EitherLinks({ udp, tcp, names: noNames(clock), clock })
  })

  test('may be had instead of a relayed one, and over UDP instead of TCP where the peer has a UDP endpoint', () => {
    assert.equal(links.isImprovable(stands('udp', true), overTcp), true)
    assert.equal(links.isImprovable(stands('tcp'), contact.endpoints), true)
    assert.equal(links.isImprovable(stands('tcp'), overTcp), false)
    assert.equal(links.isImprovable(stands('udp'), contact.endpoints), false)
  })

  test('is sought over UDP only where a direct one over TCP stands, and over both where a relayed one stands', async () => {
    udp.outcome = tcp.outcome = { afterMs: 10, fails: UNREACHABLE }
    const seek = (standing: Link) => assert.rejects(udp.clock.complete(links.dialBetter(contact, standing)), LinkError)
    await seek(stands('tcp'))
    assert.deepEqual([udp.dialledAt.length, tcp.dialledAt.length], [1, 0])
    await seek(stands('udp', true))
    assert.deepEqual([udp.dialledAt.length, tcp.dialledAt.length], [2, 1])
  })
})
