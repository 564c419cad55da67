import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Host, type Lab, labMissing } from '../../lab/lab.ts'
import { joinedCluster } from './cluster.ts'

describe('unmodified DHCP clients with their own scripts', { skip: labMissing() }, () => {
  let lab: Lab
  let token: string
  let witness: Host
  let witnessIp: string
  before(async () => {
    const cluster = await joinedCluster(['witness'])
    lab = cluster.lab
    token = cluster.namespace.token
    witness = cluster.hosts[0]!
    witnessIp = cluster.ips[0]!
  })
  after(() => lab.close())

  for (const client of ['udhcpc', 'dhcpcd'] as const) {
    test(`${client} gets a lease, and packets go both ways`, async () => {
      const host = await lab.host(client, { token, client })
      const ip = await host.join()
      assert.equal((await host.agent.status()).leases[0]?.ip, ip)
      assert.notEqual(await host.ping(witnessIp), null)
      assert.notEqual(await witness.ping(ip), null)
    })
  }
})
