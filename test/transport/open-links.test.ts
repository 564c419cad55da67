import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { SystemClock } from '../../agent/core/clock.ts'
import { InputError } from '../../agent/core/errors.ts'
import { SILENT } from '../../agent/core/log.ts'
import { SystemRandom } from '../../agent/core/random.ts'
import { readEndpoint } from '../../agent/transport/endpoints.ts'
import { createIdentity } from '../../agent/transport/identity.ts'
import { listenFailure } from '../../agent/transport/listen-failure.ts'
import { type NodeLinks, type OpenLinksOptions, openLinks } from '../../agent/transport/open-links.ts'
import { openUdpLinks } from '../../agent/transport/udp/open.ts'
import { udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'
import { contactOf } from './link-layer.suite.ts'

describe('a node that opens its links', () => {
  const opened: NodeLinks[] = []
  afterEach(async () => {
    for (const links of opened.splice(0)) await links.either.stop()
  })

  async function open(options: Partial<OpenLinksOptions>, openUdp = openUdpLinks): Promise<NodeLinks> {
    const all = {
      identity: await createIdentity(),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      announce: [],
      mdns: false,
      portMapping: false,
      ringKey: undefined,
      log: SILENT,
      clock: new SystemClock(),
      random: new SystemRandom(),
      ...options,
    }
    const links = await openLinks(all, openUdp)
    opened.push(links)
    return links
  }

  const places = ({ either }: Pick<NodeLinks, 'either'>) =>
    either.endpoints().map((text) => {
      const [host, port] = readEndpoint(text)?.multiaddr.getComponents() ?? []
      return `${host?.value} ${port?.name} ${port?.value}`
    })

  test('has both at the same address and port', async () => {
    const links = await open({})
    const port = links.tcp.listening[0]?.getComponents()[1]?.value
    assert.notEqual(port, '0')
    assert.deepEqual(places(links), [`127.0.0.1 udp ${port}`, `127.0.0.1 tcp ${port}`])
  })

  test('has UDP at the first address of each family', async () => {
    const listen = ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/0', '/ip4/127.0.0.2/tcp/0']
    const links = await open({ listen })
    const hosts = (carrier: string) =>
      places(links)
        .filter((place) => place.includes(` ${carrier} `))
        .map((place) => place.split(' ')[0])
    assert.deepEqual(hosts('udp'), ['127.0.0.1', '::1'])
    assert.deepEqual(hosts('tcp'), ['127.0.0.1', '::1', '127.0.0.2'])
  })

  test('announces one port for both', async () => {
    const links = await open({ announce: ['/ip4/192.0.2.7/tcp/4001', '/dns4/me.example/tcp/4002'] })
    assert.deepEqual(places(links), [
      '192.0.2.7 udp 4001',
      '192.0.2.7 tcp 4001',
      'me.example udp 4002',
      'me.example tcp 4002',
    ])
  })

  test('tells others over TCP, too, where a router lets others in', async () => {
    const { either, tcp, udp } = await open({})
    const before = either.endpoints().length
    tcp.mapped = multiaddr('/ip4/203.0.113.9/tcp/4002')
    udp.mapped = udpEndpoint('203.0.113.9', 4001)
    const told = places({ either })
    assert.deepEqual(told.slice(0, 2), ['203.0.113.9 udp 4001', '203.0.113.9 tcp 4002'])
    tcp.mapped = undefined
    udp.mapped = undefined
    assert.equal(either.endpoints().length, before)
  })

  test('asks no router for a port of the loopback, nor where the user announces an address or does not want it', async () => {
    const announce = ['/ip4/192.0.2.7/tcp/4001']
    assert.equal((await open({ portMapping: true })).mapping, undefined)
    assert.equal((await open({ portMapping: false, listen: ['/ip4/0.0.0.0/tcp/0'] })).mapping, undefined)
    assert.equal((await open({ portMapping: true, listen: [], announce: [] })).mapping, undefined)
    assert.equal((await open({ portMapping: true, listen: ['/ip4/0.0.0.0/tcp/0'], announce })).mapping, undefined)
  })

  test('reaches a node by a name over UDP', async () => {
    const [a, b] = [await open({}), await open({})]
    const port = b.tcp.listening[0]?.getComponents()[1]?.value
    const link = await a.either.dialEndpoint(`/dns4/localhost/tcp/${port}`)
    assert.equal(link.remote, `/ip4/127.0.0.1/udp/${port}`)
  })

  test('fails at once over UDP where it has no socket of that address family, and goes over TCP', async () => {
    const [a, b] = [await open({}), await open({ listen: ['/ip6/::1/tcp/0'] })]
    const [udp = '', tcp = ''] = b.either.endpoints()
    await assert.rejects(a.udp.dialEndpoint(udp), /no UDP endpoint that can be dialled/)
    assert.match((await a.either.dialEndpoint(tcp)).remote, /^\/ip6\/::1\/tcp\//)
  })

  test('reaches others over UDP when it does not listen, and has no endpoint', async () => {
    const [a, b] = [await open({ listen: [] }), await open({})]
    assert.deepEqual(a.either.endpoints(), [])
    const link = await a.either.dialEndpoint(b.either.endpoints()[1]!)
    assert.match(link.remote, /\/udp\//)
  })

  test('dials the loopback on the word of others over both once a user gave it, whichever answered', async () => {
    const [a, b] = [await open({ listen: ['/ip4/0.0.0.0/tcp/0'] }), await open({})]
    const contact = contactOf(b.either)
    await assert.rejects(a.either.dial(contact))
    assert.match((await a.either.dialEndpoint(contact.endpoints[1]!)).remote, /\/udp\//)
    assert.match((await a.tcp.dial(contact)).remote, /\/tcp\//)
  })

  test('takes another port when UDP cannot have the one that TCP got', async () => {
    const tried: (string | undefined)[] = []
    const takenOnce: typeof openUdpLinks = async (options) => {
      tried.push(options.listen[0])
      if (tried.length === 1)
        throw listenFailure('it', 'EADDRINUSE', Object.assign(new Error(), { code: 'EADDRINUSE' }))
      return await openUdpLinks(options)
    }
    const links = await open({}, takenOnce)
    assert.equal(new Set(tried).size, 2)
    assert.equal(places(links)[0], `127.0.0.1 udp ${tried[1]?.split('/').at(-1)}`)
  })

  test('says so when UDP cannot have the port that the user gave, and leaves that of TCP', async (t) => {
    const taken = createSocket('udp4')
    t.after(() => taken.close())
    taken.bind(0, '127.0.0.1')
    await once(taken, 'listening')
    const at = `/ip4/127.0.0.1/tcp/${taken.address().port}`
    await assert.rejects(open({ listen: [at] }), (error: unknown) => {
      assert.ok(error instanceof InputError)
      assert.equal(error.code, 'LISTEN_FAILED')
      assert.match(error.message, /^listen: .*udp.*another program listens there/)
      assert.match(error.hint, /over TCP and UDP/)
      return true
    })
    const again = createServer().listen(taken.address().port, '127.0.0.1')
    t.after(() => again.close())
    await once(again, 'listening')
  })
})
