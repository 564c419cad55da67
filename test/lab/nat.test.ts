import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { PeerStatus, UdpStatus } from '../../agent/control/status.ts'
import { type Host, type Lab, labMissing } from '../../lab/lab.ts'
import type { NatKind, NatSite } from '../../lab/nat-site.ts'
import { until } from '../../lab/until.ts'
import { linkBetween, openCluster } from './cluster.ts'

/** Finding a route through a relay may take a few tries, s. */
const PATIENCE_S = 20

/** How two hosts behind NATs of one kind are linked. */
const LINKS: Readonly<Record<NatKind, Pick<PeerStatus, 'kind' | 'relayed'> & { carrier: RegExp; whyNot?: RegExp }>> = {
  'port-preserving': { kind: 'punched', relayed: false, carrier: /\/udp\// },
  randomising: { kind: 'relayed', relayed: true, carrier: /^udp through /, whyNot: /randomises its ports/ },
  'without-udp': { kind: 'relayed', relayed: true, carrier: /\/tcp\//, whyNot: /UDP seems blocked/ },
}

/** What their status says of the NATs. */
const MAPPINGS: Readonly<Record<NatKind, UdpStatus['mapping']>> = {
  'port-preserving': 'predictable',
  randomising: 'random',
  'without-udp': 'unknown',
}

for (const kind of ['port-preserving', 'randomising', 'without-udp'] satisfies NatKind[]) {
  describe(`hosts behind two ${kind} NATs with the same private network`, { skip: labMissing() }, () => {
    let lab: Lab
    let left: Host
    let right: Host
    let open: Host
    let ips: string[]
    before(async () => {
      const cluster = await openCluster(['open'])
      lab = cluster.lab
      open = cluster.hosts[0]!
      const { token } = cluster.namespace
      left = await lab.host('left', { token, site: await lab.natSite('nat-left', kind) })
      right = await lab.host('right', { token, site: await lab.natSite('nat-right', kind) })
      ips = await Promise.all([left, right, open].map((host) => host.join()))
    })
    after(() => lab.close())

    test('get an address each', () => {
      assert.equal(new Set(ips).size, 3)
    })

    test('reach each other', async () => {
      assert.notEqual(await left.ping(ips[1] ?? '', PATIENCE_S), null)
      assert.notEqual(await right.ping(ips[0] ?? '', PATIENCE_S), null)
    })

    test('reach a host with a public address, and are reached by it', async () => {
      assert.notEqual(await left.ping(ips[2] ?? '', PATIENCE_S), null)
      assert.notEqual(await open.ping(ips[1] ?? '', PATIENCE_S), null)
    })

    test('are linked as directly as their NATs allow, and with a host with a public address directly', async () => {
      const { carrier, whyNot, ...way } = LINKS[kind]
      await until('the link that the NATs allow', async () => {
        const link = await linkBetween(left, right)
        return link?.relayed === way.relayed && carrier.test(link.remote)
      })
      const between = await linkBetween(left, right)
      assert.equal(between?.kind, way.kind)
      assert.equal(between?.through !== null, way.relayed)
      assert.match(between?.whyNotBetter ?? '', whyNot ?? /^$/)
      const link = await linkBetween(left, open)
      assert.equal(link?.relayed, false)
      assert.equal(link?.kind, kind === 'without-udp' ? 'tcp' : 'direct')
      assert.match(link?.remote ?? '', kind === 'without-udp' ? /\/tcp\// : /\/udp\//)
      assert.equal((await linkBetween(open, left))?.kind, kind === 'without-udp' ? 'tcp' : 'punched')
    })

    test('say in their status what their NATs do, and where they are seen', async () => {
      const udp = (await left.agent.status()).udp
      assert.equal(udp?.mapping, MAPPINGS[kind])
      assert.equal(udp?.outer.length === 0, kind === 'without-udp')
      const atOpen = (await open.agent.status()).udp
      assert.deepEqual([atOpen?.mapping, atOpen?.outer], ['none', []])
    })

    test('are all correctly connected', async () => {
      // A link that gives way to a more direct one leaves a gap for a moment.
      const connected = async ({ agent }: Host) => (await agent.status()).ring.correctlyConnected
      for (const host of [left, right, open]) await until(`${host.name} is correctly connected`, () => connected(host))
    })
  })
}

describe('hosts of which one is behind a randomising NAT, the other behind a port-preserving one', {
  skip: labMissing(),
}, () => {
  let lab: Lab
  let left: Host
  let right: Host
  let ips: string[]
  before(async () => {
    const cluster = await openCluster(['open'])
    lab = cluster.lab
    const { token } = cluster.namespace
    left = await lab.host('left', { token, site: await lab.natSite('nat-left', 'randomising') })
    right = await lab.host('right', { token, site: await lab.natSite('nat-right', 'port-preserving') })
    ips = await Promise.all([left, right].map((host) => host.join()))
  })
  after(() => lab.close())

  test('reach each other', async () => {
    assert.notEqual(await left.ping(ips[1] ?? '', PATIENCE_S), null)
  })

  test('are linked directly once packets go between them, and go on reaching each other', async () => {
    await until('a direct link', async () => {
      await left.ping(ips[1] ?? '')
      const link = await linkBetween(left, right)
      return link?.relayed === false && /\/udp\//.test(link.remote)
    })
    assert.equal((await linkBetween(right, left))?.relayed, false)
    assert.notEqual(await right.ping(ips[0] ?? '', PATIENCE_S), null)
  })
})

/** Where two hosts are that meet. */
const PAIRS: readonly { title: string; sites: (lab: Lab) => Promise<readonly NatSite[]> }[] = [
  {
    title: 'two hosts behind NATs, of which one drops UDP',
    sites: (lab) => Promise.all([lab.natSite('nat', 'port-preserving'), lab.natSite('nat-no-udp', 'without-udp')]),
  },
  {
    title: 'two hosts behind one NAT',
    sites: async (lab) => {
      const site = await lab.natSite('nat', 'port-preserving')
      return [site, site]
    },
  },
]

for (const { title, sites } of PAIRS) {
  describe(title, { skip: labMissing() }, () => {
    let lab: Lab
    let token: string
    before(async () => {
      const cluster = await openCluster([])
      lab = cluster.lab
      token = cluster.namespace.token
    })
    after(() => lab.close())

    test('get an address each and reach each other', async () => {
      const places = await sites(lab)
      const hosts = await Promise.all(places.map((site, index) => lab.host(`host${index}`, { token, site })))
      const ips = await Promise.all(hosts.map((host) => host.join()))
      for (const [index, host] of hosts.entries()) {
        assert.notEqual(await host.ping(ips[1 - index] ?? '', PATIENCE_S), null)
      }
    })
  })
}
