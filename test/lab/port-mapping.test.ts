import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { UNRESERVED } from '../../lab/internet.ts'
import { type Host, type Lab, labMissing } from '../../lab/lab.ts'
import type { NatSite } from '../../lab/nat-site.ts'
import { MAPPER_PACKAGES, type MapperProtocols, type PortMapper } from '../../lab/port-mapper.ts'
import { until } from '../../lab/until.ts'
import { ensurePackages } from '../../scripts/lib/apt.ts'
import { linkBetween, openCluster } from './cluster.ts'

/** What a node asks by where the router speaks these. */
const ASKED_BY: Readonly<Record<MapperProtocols, string>> = { 'pcp-and-nat-pmp': 'pcp', upnp: 'upnp' }

for (const protocols of ['pcp-and-nat-pmp', 'upnp'] satisfies MapperProtocols[]) {
  describe(`hosts behind two randomising NATs, of which one maps ports by ${protocols}`, { skip: labMissing() }, () => {
    let lab: Lab
    let site: NatSite
    let mapper: PortMapper
    let mapped: Host
    let other: Host
    before(async () => {
      await ensurePackages(MAPPER_PACKAGES)
      const cluster = await openCluster([], undefined, UNRESERVED)
      lab = cluster.lab
      const { token } = cluster.namespace
      site = await lab.natSite('nat-mapping', 'randomising')
      mapper = await lab.portMapper(site, protocols)
      mapped = await lab.host('mapped', { token, site })
      other = await lab.host('other', { token, site: await lab.natSite('nat-plain', 'randomising') })
      await Promise.all([mapped.join(), other.join()])
    })
    after(() => lab.close())

    test('have a port of that router, over UDP and TCP, which the node tells others', async () => {
      const { udp, endpoints } = await until('a port mapping', async () => {
        const status = await mapped.agent.status()
        return status.udp?.portMapping ? status : undefined
      })
      const { protocol, outer, tcp, expiresInS } = udp!.portMapping!
      assert.equal(protocol, ASKED_BY[protocols])
      assert.match(outer, new RegExp(`^${site.outerIp}:\\d+$`))
      assert.equal(tcp, outer)
      assert.ok(expiresInS > 1800 && expiresInS <= 3600, `${expiresInS} s`)
      const [ip, port] = outer.split(':')
      assert.deepEqual(endpoints.map((text) => text.split('/p2p/')[0]).slice(0, 2), [
        `/ip4/${ip}/udp/${port}`,
        `/ip4/${ip}/tcp/${port}`,
      ])
      assert.equal((await mapper.mappings()).length, 2)
    })

    test('are linked directly over UDP', async () => {
      await until('a direct link', async () => {
        const link = await linkBetween(other, mapped)
        return link?.relayed === false && link.remote.includes('/udp/')
      })
    })

    if (protocols === 'pcp-and-nat-pmp') {
      test('have it again when the router has started anew and forgotten it', async () => {
        await mapper.restart()
        await until('a port mapping', async () => (await mapper.mappings()).length === 2)
      })
    }

    test('have no port of the router any more when the agent has stopped', async () => {
      assert.equal(await mapped.agent.stop(), 0)
      assert.deepEqual(await mapper.mappings(), [])
    })
  })
}
