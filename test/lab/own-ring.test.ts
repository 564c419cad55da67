import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Bootstrap, type Host, Lab, labMissing } from '../../lab/lab.ts'

/** Finding a route through a relay may take a few tries, s. */
const PATIENCE_S = 20

describe('a ring of its own, with hosts behind NATs and a node that is no member', { skip: labMissing() }, () => {
  let lab: Lab
  let carrier: Bootstrap
  let hosts: Host[]
  before(async () => {
    lab = await Lab.open()
    const namespace = await lab.drawNamespace({ name: 'own', pool: '10.128.0.0/9' })
    carrier = await lab.bootstrap('carrier', await lab.ringKey(namespace))
    const bootstrap = [carrier.endpoint]
    const site = async (label: string) => await lab.natSite(label, 'port-preserving')
    const { token } = namespace
    hosts = [
      await lab.host('left', { token, bootstrap, site: await site('nat-left') }),
      await lab.host('right', { token, bootstrap, site: await site('nat-right') }),
      await lab.host('open', { token, bootstrap }),
    ]
  })
  after(() => lab.close())

  test('leases an address to each, and they reach each other', async () => {
    const ips = await Promise.all(hosts.map((host) => host.join()))
    assert.equal(new Set(ips).size, hosts.length)
    for (const host of hosts) {
      for (const ip of ips) assert.notEqual(await host.ping(ip, PATIENCE_S), null, `${host.name} to ${ip}`)
    }
  })

  test('has no link to a node of another ring that knows where its nodes are', async () => {
    const stranger = await lab.drawNamespace({ name: 'stranger', pool: '10.64.0.0/10' })
    const outsider = await lab.bootstrap('outsider', await lab.ringKey(stranger))
    const { token } = stranger
    const host = await lab.host('lost', { token, bootstrap: [outsider.endpoint, carrier.endpoint] })
    await host.join()
    const within = new Set([outsider.agent, host.agent])
    const known = await Promise.all([...within].map(async (agent) => (await agent.status()).address))
    for (const agent of within) {
      for (const { address } of await agent.peers()) assert.ok(known.includes(address))
    }
    const members = [carrier.agent, ...hosts.map(({ agent }) => agent)]
    for (const agent of members) {
      for (const { address } of await agent.peers()) assert.ok(!known.includes(address))
    }
  })
})
