import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { SystemClock } from '../../agent/core/clock.ts'
import { InputError } from '../../agent/core/errors.ts'
import {
  addressOfPeer,
  endpointsOn,
  orderEndpoints,
  over,
  parseEndpoint,
  parseListen,
  reachOf,
  readEndpoint,
  udpEndpointOf,
  udpMultiaddr,
} from '../../agent/transport/endpoints.ts'
import { LinkError } from '../../agent/transport/errors.ts'
import { HiddenNetworks } from '../../agent/transport/hidden-networks.ts'
import { MachineAddresses } from '../../agent/transport/machine-addresses.ts'

const PEER = '12D3KooWBhGEb1J2X1ijA8D5NHYGU11dhsNH8uceQSv7fKNN2bha'
const RELAY = '12D3KooWA2t3uqdUsjUx9wgpzFdq5DuKsQgop1oEoCGLQ6ZVPob5'

describe('endpoints', () => {
  test('are direct or through one relay, and name the node at their end', () => {
    const direct = readEndpoint(`/ip4/192.0.2.1/tcp/4001/p2p/${PEER}`)
    assert.equal(direct?.relayed, false)
    assert.equal(direct?.peer?.toString(), PEER)
    const relayed = readEndpoint(`/dns4/relay.example/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`)
    assert.equal(relayed?.relayed, true)
    assert.equal(relayed?.peer?.toString(), PEER)
    assert.equal(readEndpoint('/ip6/2001:db8::1/tcp/4001')?.peer, undefined)
  })

  test('of UDP lead to a socket, and back', () => {
    const endpoint = readEndpoint(`/ip6/2001:DB8::1/udp/4001/p2p/${PEER}`)!
    assert.deepEqual([endpoint.carrier, endpoint.relayed, endpoint.peer?.toString()], ['udp', false, PEER])
    assert.equal(udpEndpointOf(endpoint), '[2001:db8::1]:4001')
    for (const text of ['/ip4/192.0.2.1/udp/4001', '/ip6/2001:db8::1/udp/4001']) {
      assert.equal(udpMultiaddr(udpEndpointOf(readEndpoint(text)!)!).toString(), text)
    }
    assert.equal(udpEndpointOf(readEndpoint('/ip4/192.0.2.1/tcp/4001')!), undefined)
    assert.equal(udpEndpointOf(readEndpoint('/ip4/192.0.2.1/udp/0')!), undefined)
    assert.equal(udpEndpointOf(readEndpoint('/dns4/example.org/udp/4001')!), undefined)
  })

  test('stand for the same host, port and peer over the other carrier, unless a third node relays', () => {
    for (const host of ['/ip4/192.0.2.1', '/ip6/2001:db8::1', '/dns4/tcp']) {
      for (const peer of ['', `/p2p/${PEER}`]) {
        const [udp, tcp] = [`${host}/udp/4001${peer}`, `${host}/tcp/4001${peer}`]
        for (const text of [udp, tcp]) {
          assert.equal(over('udp', readEndpoint(text)!)?.text, udp)
          assert.equal(over('tcp', readEndpoint(text)!)?.text, tcp)
        }
      }
    }
    const relayed = readEndpoint(`/ip4/192.0.2.1/udp/4001/p2p-circuit/p2p/${PEER}`)!
    assert.equal(over('tcp', relayed), undefined)
    assert.equal(over('udp', relayed), relayed)
  })

  test('of a contact are told apart by what carries them, and none of another node is among them', () => {
    const address = addressOfPeer(readEndpoint(`/ip4/192.0.2.1/tcp/1/p2p/${PEER}`)!.peer!)!
    const [tcp, udp] = [`/ip4/192.0.2.1/tcp/1/p2p/${PEER}`, `/ip4/192.0.2.1/udp/1/p2p/${PEER}`]
    const strange = `/ip4/192.0.2.9/udp/1/p2p/${RELAY}`
    const texts = (carrier: 'tcp' | 'udp', endpoints: string[]) =>
      endpointsOn(carrier, { address, endpoints }).map(({ text }) => text)
    assert.deepEqual(texts('udp', [tcp, strange, udp]), [udp])
    assert.deepEqual(texts('tcp', [tcp, strange, udp]), [tcp])
    assert.deepEqual(texts('tcp', [udp]), [])
    assert.throws(() => texts('udp', [strange]), LinkError)
  })

  const malformed = [
    '',
    'example.org:4001',
    '/ip4/192.0.2.1',
    '/ip4/300.0.2.1/tcp/4001',
    '/ip4/192.0.2.1/udp/4001/quic-v1',
    '/ip4/192.0.2.1/tcp/99999',
    `/ip4/192.0.2.1/udp/4001/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`,
    '/ip4/192.0.2.1/tcp/4001/p2p/nonsense',
    `/ip4/192.0.2.1/tcp/4001/p2p/${RELAY}/p2p-circuit`,
    `/p2p/${PEER}`,
    '/unix/tmp/socket',
  ]
  for (const text of malformed) {
    test(`refuse "${text}" in one sentence that names the field`, () => {
      assert.equal(readEndpoint(text), undefined)
      assert.throws(
        () => parseEndpoint(text, 'bootstrap'),
        (error: unknown) => error instanceof InputError && /^bootstrap: "/.test(error.message) && error.hint !== '',
      )
    })
  }

  test('to listen on have no peer and no relay', () => {
    assert.equal(parseListen('/ip4/0.0.0.0/tcp/0').toString(), '/ip4/0.0.0.0/tcp/0')
    assert.throws(() => parseListen(`/ip4/0.0.0.0/tcp/0/p2p/${PEER}`), InputError)
    assert.throws(() => parseListen('0.0.0.0:4001'), InputError)
    assert.throws(() => parseListen('/ip4/0.0.0.0/udp/4001'), InputError)
    assert.equal(parseListen('/ip4/0.0.0.0/udp/0', 'listen', 'udp').toString(), '/ip4/0.0.0.0/udp/0')
  })

  test('reach as far as their address does', () => {
    const reach = (host: string) => reachOf(multiaddr(`${host}/tcp/1`))
    assert.equal(reach('/ip4/8.8.8.8'), 'public')
    assert.equal(reach('/ip4/172.32.0.1'), 'public')
    assert.equal(reach('/dns4/example.org'), 'public')
    for (const ip of ['10.1.2.3', '172.16.0.1', '172.31.9.9', '192.168.1.1', '100.64.0.1', '169.254.1.1']) {
      assert.equal(reach(`/ip4/${ip}`), 'private', ip)
    }
    assert.equal(reach('/ip6/fe80::1'), 'private')
    assert.equal(reach('/ip6/fd00::1'), 'private')
    assert.equal(reach('/ip6/2001:db8::1'), 'public')
    assert.equal(reach('/ip4/127.0.0.1'), 'loopback')
    assert.equal(reach('/ip6/::1'), 'loopback')
  })
})

describe("the order of a node's endpoints", () => {
  const listening = ['127.0.0.1', '10.0.0.5', '203.0.113.9'].map((ip) => multiaddr(`/ip4/${ip}/tcp/4001`))
  const relay = `/ip4/198.51.100.1/tcp/4001/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`

  test('is announced, public, private, through relays, and the loopback last', () => {
    assert.deepEqual(orderEndpoints(['/dns4/me.example/tcp/4001'], listening, [relay], PEER), [
      `/dns4/me.example/tcp/4001/p2p/${PEER}`,
      `/ip4/203.0.113.9/tcp/4001/p2p/${PEER}`,
      `/ip4/10.0.0.5/tcp/4001/p2p/${PEER}`,
      relay,
    ])
  })

  test('keeps relays in, however many interfaces there are', () => {
    const many = Array.from({ length: 20 }, (_, i) => multiaddr(`/ip4/10.0.${i}.1/tcp/4001`))
    const order = orderEndpoints([], many, [relay], PEER)
    assert.equal(order.length, 7)
    assert.equal(order[6], relay)
    assert.equal(orderEndpoints([], many, [], PEER).length, 8)
  })

  test('begins with the loopback when there is nothing else to listen on', () => {
    const order = orderEndpoints([], listening.slice(0, 1), [relay], PEER)
    assert.deepEqual(order, [`/ip4/127.0.0.1/tcp/4001/p2p/${PEER}`, relay])
  })
})

describe('hidden interfaces', () => {
  test('are no place where others reach this machine', () => {
    const [name, addresses] = Object.entries(networkInterfaces())[0]!
    const ip = addresses!.find((one) => one.family === 'IPv4')!.address
    const without = (hidden: string) => new MachineAddresses([hidden], new SystemClock()).reachedBy('0.0.0.0')
    assert.equal(without(name).includes(ip), false)
    assert.equal(without('wow-none').includes(ip), true)
  })

  test('have the network of an address that they have just got, too', () => {
    let leased = false
    const address = { address: '10.128.0.5', netmask: '255.128.0.0', cidr: '10.128.0.5/9', family: 'IPv4' as const }
    const interfaces = () => ({ wow0: leased ? [{ ...address, mac: '02:00:00:00:00:01', internal: false }] : [] })
    let now = 0
    const hidden = new HiddenNetworks(['wow0'], () => now, interfaces)
    assert.equal(hidden.haveInNetwork('10.128.0.6'), false)
    leased = true
    now += 1_000
    assert.equal(hidden.haveInNetwork('10.128.0.6'), true)
    leased = false
    now += 1_000
    assert.equal(hidden.haveInNetwork('10.128.0.6'), false)
  })
})
