import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Lab, labMissing } from '../../lab/lab.ts'

describe('hosts on one LAN that know no bootstrap node', { skip: labMissing() }, () => {
  let lab: Lab
  before(async () => {
    lab = await Lab.open()
  })
  after(() => lab.close())

  test('serve their clients at once, each as a ring of one', async () => {
    const { token } = await lab.drawNamespace({ pool: '10.128.0.0/9' })
    const host = await lab.host('alone', { token })
    const ip = await host.join()
    const { ring, leases } = await host.agent.status()
    assert.ok(ring.alone)
    assert.equal(leases[0]?.ip, ip)
  })

  test('find each other by mDNS, become one ring, and reach each other', async () => {
    const { token } = await lab.drawNamespace({ pool: '10.128.0.0/9' })
    const hosts = await Promise.all(['one', 'two', 'three'].map((name) => lab.host(name, { token, mdns: true })))
    // Multicast leaves through the default route, which every real LAN has.
    for (const { netns, uplink } of hosts) await netns.ip('route', 'add', 'default', 'dev', uplink.device)
    const ips: string[] = []
    for (const host of hosts) ips.push(await host.join())
    assert.equal(new Set(ips).size, 3)
    for (const host of hosts) {
      for (const ip of ips) assert.notEqual(await host.ping(ip, 30), null, `${host.name} to ${ip}`)
    }
    for (const { agent } of hosts) assert.equal((await agent.status()).ring.alone, false)
  })
})
