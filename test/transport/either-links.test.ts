import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { SystemClock } from '../../agent/core/clock.ts'
import { SILENT } from '../../agent/core/log.ts'
import { SystemRandom } from '../../agent/core/random.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import type { Contact, Link } from '../../agent/overlay/link.ts'
import { GivenNames } from '../../agent/rendezvous/given-names.ts'
import { GIVEN_UDP_ALONE_MS, LEAST_HEAD_START_MS, UDP_HEAD_START_MS } from '../../agent/transport/constants.ts'
import { EitherLinks } from '../../agent/transport/either-links.ts'
import { isEndpoint, readEndpoint } from '../../agent/transport/endpoints.ts'
import { LinkError } from '../../agent/transport/errors.ts'
import { createIdentity } from '../../agent/transport/identity.ts'
import { createLibp2pLinks } from '../../agent/transport/libp2p/links.ts'
import { openUdpLinks } from '../../agent/transport/udp/open.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { arriving, contactOf, linkLayerSuite } from './link-layer.suite.ts'
import { noNames } from './no-names.ts'
import { RealWorld } from './real-world.ts'
import { StubLinks } from './stub-links.ts'

/** What every name leads to. */
let listed: readonly string[] = []

class Loopback extends RealWorld<{ udp: boolean; tcp: boolean }, EitherLinks> {
  constructor() {
    super(async () => {
      const common = { identity: await createIdentity(), announce: [], ringKey: new Uint8Array(32), log: SILENT }
      const [clock, random] = [new SystemClock(), new SystemRandom()]
      const tcp = await createLibp2pLinks({ ...common, listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false })
      const udp = await openUdpLinks({ ...common, listen: ['/ip4/127.0.0.1/udp/0'], clock, random })
      const txt = async () => listed.map((endpoint) => [`dnsaddr=${endpoint}`])
      const names = new GivenNames(clock, { txt, fetch, isEndpoint })
      return new EitherLinks({ udp, tcp, names, clock })
    })
  }
}

linkLayerSuite('UDP and TCP on the loopback', async () => new Loopback())

describe('a node with UDP and TCP', () => {
  let world: Loopback

  beforeEach(() => {
    world = new Loopback()
  })

  afterEach(() => world.stop())

  const over = (carrier: string, { address, endpoints }: Contact): Contact => {
    return { address, endpoints: endpoints.filter((text) => readEndpoint(text)?.carrier === carrier) }
  }
  const carrierOf = (link: Link) => readEndpoint(link.remote)?.carrier

  test('has endpoints of both kinds, and dials a peer with both over UDP', async () => {
    const [a, b] = [await world.node(), await world.node()]
    const { endpoints } = contactOf(b)
    assert.deepEqual(
      endpoints.map((text) => readEndpoint(text)?.carrier),
      ['udp', 'tcp'],
    )
    assert.equal(carrierOf(await a.dial(contactOf(b))), 'udp')
  })

  test('reaches a peer that has only one of them', async () => {
    const [a, b] = [await world.node(), await world.node()]
    const atB = arriving(b)
    assert.equal(carrierOf(await a.dial(over('tcp', contactOf(b)))), 'tcp')
    assert.equal(carrierOf(await a.dial(over('udp', contactOf(b)))), 'udp')
    await world.until(() => atB.length === 2)
  })

  test('reaches an endpoint that only one of the two has a socket at, whichever it names', async () => {
    const [a, b] = [await world.node(), await world.node()]
    const [udp = '', tcp = ''] = ['udp', 'tcp'].map((carrier) => over(carrier, contactOf(b)).endpoints[0])
    assert.equal(carrierOf(await a.dialEndpoint(tcp)), 'tcp')
    assert.equal(carrierOf(await a.dialEndpoint(tcp.replace('/tcp/', '/udp/'))), 'tcp')
    assert.equal(carrierOf(await a.dialEndpoint(udp.replace(/\/p2p\/.*/, ''))), 'udp')
    assert.equal(carrierOf(await a.dialEndpoint(udp.replace('/udp/', '/tcp/'))), 'udp')
  })

  test('reaches a node that a name leads to, past itself and those that are gone', async () => {
    const [a, b, gone] = [await world.node(), await world.node(), await world.node()]
    listed = [gone, a, b].flatMap((node) => contactOf(node).endpoints)
    await gone.stop()
    const link = await a.dialEndpoint('dns:lab.example')
    assert.equal(link.peer, b.self)
  })

  test('says so when a name leads only to itself', async () => {
    const a = await world.node()
    listed = contactOf(a).endpoints
    await assert.rejects(a.dialEndpoint('dns:lab.example'), {
      code: 'LINK_UNREACHABLE',
      message: 'None of the nodes that dns:lab.example leads to answers.',
    })
  })

  test('reaches a peer over TCP whose UDP endpoint is dead', async () => {
    const [a, b, gone] = [await world.node(), await world.node(), await world.node()]
    const dead = over('udp', contactOf(gone)).endpoints.map((text) => text.replace(/\/p2p\/.*/, ''))
    await gone.stop()
    const contact = { address: b.self, endpoints: [...dead, ...over('tcp', contactOf(b)).endpoints] }
    assert.equal(carrierOf(await a.dial(contact)), 'tcp')
  })
})

const UNREACHABLE = new LinkError('unreachable', 'Refused.')

describe('the race of UDP and TCP', () => {
  const [udpText, tcpText] = ['/ip4/192.0.2.1/udp/1', '/ip4/192.0.2.1/tcp/1']
  const contact: Contact = { address: toAddress(2n), endpoints: [udpText, tcpText] }
  let clock: VirtualClock
  let udp: StubLinks
  let tcp: StubLinks
  let links: EitherLinks

  beforeEach(() => {
    clock = new VirtualClock()
    udp = new StubLinks(clock, [udpText])
    tcp = new StubLinks(clock, [tcpText])
    links = new EitherLinks({ udp, tcp, names: noNames(clock), clock })
  })

  async function dial(dialling = () => links.dial(contact)): Promise<{ link: Link; tookMs: number }> {
    const startedAt = clock.now()
    let endedAt = 0
    const link = dialling().finally(() => {
      endedAt = clock.now()
    })
    await clock.complete(link)
    return { link: await link, tookMs: endedAt - startedAt }
  }

  test('does not begin when UDP is quick', async () => {
    assert.equal((await dial()).link.remote, udpText)
    await clock.runFor(1_000)
    assert.deepEqual(tcp.dialledAt, [])
  })

  test('begins at once when UDP fails', async () => {
    udp.outcome = { afterMs: 10, fails: new LinkError('unreachable', 'no.') }
    const { link, tookMs } = await dial()
    assert.deepEqual([link.remote, tookMs], [tcpText, 20])
  })

  test('begins after a head start when UDP is silent, and calls UDP off when TCP wins', async () => {
    udp.outcome = { afterMs: 5_000 }
    const { link, tookMs } = await dial()
    assert.deepEqual([link.remote, tookMs, udp.calledOff], [tcpText, UDP_HEAD_START_MS + 10, 1])
  })

  test('hands over a second link that it brings, as the peer may use that one already', async () => {
    const handed: Link[] = []
    links.onLink = (link) => handed.push(link)
    udp.outcome = { afterMs: UDP_HEAD_START_MS + 5 }
    tcp.outcome = { afterMs: 6, heedless: true }
    const { link } = await dial()
    await clock.runFor(100)
    assert.equal(link.remote, udpText)
    assert.deepEqual(
      handed.map(({ remote }) => remote),
      [tcpText],
    )
    assert.deepEqual([...udp.closed, ...tcp.closed], [])
  })

  test('costs no more time after UDP has lost once, until UDP wins again', async () => {
    udp.outcome = { afterMs: 5_000 }
    await dial()
    assert.equal((await dial()).tookMs, 10)
    udp.outcome = { afterMs: 5 }
    assert.equal((await dial()).link.remote, udpText)
    const before = tcp.dialledAt.length
    assert.equal((await dial()).link.remote, udpText)
    await clock.runFor(1_000)
    assert.equal(tcp.dialledAt.length, before)
  })

  test('has a shorter head start where dials over UDP are quick', async () => {
    for (let i = 0; i < 20; i++) await dial()
    udp.outcome = { afterMs: 5_000 }
    assert.equal((await dial()).tookMs, 110)
  })

  test('takes an endpoint that a user gave for one of both kinds, and TCP waits less there', async () => {
    udp.outcome = { afterMs: 5_000 }
    for (const given of [tcpText, udpText]) {
      const { link, tookMs } = await dial(() => links.dialEndpoint(given))
      assert.deepEqual([link.remote, tookMs], [tcpText, given === tcpText ? LEAST_HEAD_START_MS + 10 : 10])
    }
    assert.deepEqual(
      [udp.given, tcp.given],
      [
        [udpText, udpText],
        [tcpText, tcpText],
      ],
    )
    udp.outcome = { afterMs: 5 }
    assert.equal((await dial(() => links.dialEndpoint(tcpText))).link.remote, udpText)
  })

  test('dials an endpoint through a relay as it is', async () => {
    const self = '12D3KooWBhGEb1J2X1ijA8D5NHYGU11dhsNH8uceQSv7fKNN2bha'
    const relayed = `${udpText}/p2p-circuit/p2p/${self}`
    assert.equal((await dial(() => links.dialEndpoint(relayed))).link.remote, udpText)
    assert.deepEqual([udp.given, tcp.given], [[relayed], []])
  })

  test('ends sooner for an endpoint that a user gave, which is dialled again and again', async () => {
    for (const layer of [udp, tcp]) layer.outcome = { afterMs: layer === udp ? 5_000 : 10, fails: UNREACHABLE }
    const startedAt = clock.now()
    await assert.rejects(clock.complete(links.dialEndpoint(tcpText)), LinkError)
    assert.equal(clock.now() - startedAt, LEAST_HEAD_START_MS + 10 + GIVEN_UDP_ALONE_MS)
  })

  test('reports both reasons, and the more telling failure, when both fail', async () => {
    udp.outcome = { afterMs: 10, fails: new LinkError('unreachable', 'No answer.') }
    tcp.outcome = { afterMs: 10, fails: new LinkError('wrong-peer', 'Another node.') }
    await assert.rejects(clock.complete(links.dial(contact)), (error: unknown) => {
      return (
        error instanceof LinkError && error.failure === 'wrong-peer' && error.message === 'No answer. Another node.'
      )
    })
  })

  test('ends soon after TCP has failed, and not before a slow answer over UDP could come', async () => {
    tcp.outcome = { afterMs: 10, fails: new LinkError('unreachable', 'Refused.') }
    udp.outcome = { afterMs: 1_600 }
    assert.equal((await dial()).link.remote, udpText)
    udp.outcome = { afterMs: 5_000 }
    const startedAt = clock.now()
    await assert.rejects(clock.complete(links.dial(contact)), LinkError)
    assert.ok(clock.now() - startedAt < 2_000)
  })

  test('ends with the caller, on both sides', async () => {
    udp.outcome = { afterMs: 5_000 }
    tcp.outcome = { afterMs: 5_000 }
    const end = new AbortController()
    const dialling = links.dial(contact, end.signal)
    clock.after(400, () => end.abort(new Error('enough')))
    await assert.rejects(clock.complete(dialling), /enough/)
    assert.deepEqual([udp.calledOff, tcp.calledOff], [1, 1])
  })
})

describe('the endpoints of a node with UDP and TCP', () => {
  test('come in turns, are no more than a contact holds, and the relays stay in', () => {
    const clock = new VirtualClock()
    const many = (carrier: string, count: number) =>
      Array.from({ length: count }, (_, i) => `/ip4/10.0.0.${i + 1}/${carrier}/4001`)
    const relay = '/ip4/192.0.2.1/tcp/1/p2p/12D3KooWA2t3uqdUsjUx9wgpzFdq5DuKsQgop1oEoCGLQ6ZVPob5'
    const relayed = `${relay}/p2p-circuit/p2p/12D3KooWBhGEb1J2X1ijA8D5NHYGU11dhsNH8uceQSv7fKNN2bha`
    const udp = new StubLinks(clock, many('udp', 8))
    const tcp = new StubLinks(clock, [...many('tcp', 6), relayed, '/ip4/127.0.0.1/tcp/4001'])
    const endpoints = new EitherLinks({ udp, tcp, names: noNames(clock), clock }).endpoints()
    assert.equal(endpoints.length, 8)
    assert.equal(endpoints.at(-1), relayed)
    assert.deepEqual(endpoints.slice(0, 4), [
      '/ip4/10.0.0.1/udp/4001',
      '/ip4/10.0.0.1/tcp/4001',
      '/ip4/10.0.0.2/udp/4001',
      '/ip4/10.0.0.2/tcp/4001',
    ])
  })
})
