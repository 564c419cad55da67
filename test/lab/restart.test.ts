import assert from 'node:assert/strict'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Host, Lab, labMissing } from '../../lab/lab.ts'
import { joinedCluster } from './cluster.ts'

describe('a host that starts again', { skip: labMissing() }, () => {
  let lab: Lab
  let token: string
  let witness: Host
  before(async () => {
    const cluster = await joinedCluster(['witness'])
    lab = cluster.lab
    token = cluster.namespace.token
    witness = cluster.hosts[0]!
  })
  after(() => lab.close())

  test('keeps its identity and its address when agent and dhclient were stopped', async () => {
    const host = await lab.host('stopped', { token })
    const ip = await host.join()
    const { peerId, address } = await host.agent.status()
    await host.client.stop()
    assert.equal(await host.agent.stop(), 0)
    assert.equal(await host.join(), ip)
    const again = await host.agent.status()
    assert.equal(again.peerId, peerId)
    assert.equal(again.address, address)
    assert.notEqual(await witness.ping(ip), null)
  })

  test('keeps them when the power failed', async () => {
    const host = await lab.host('power', { token })
    const ip = await host.join()
    const { peerId } = await host.agent.status()
    await host.client.stop()
    await host.agent.kill()
    assert.equal(await host.join(), ip)
    assert.equal((await host.agent.status()).peerId, peerId)
    assert.notEqual(await witness.ping(ip), null)
  })

  test('gets the same address when its client remembers nothing', async () => {
    const host = await lab.host('forgetful', { token })
    const ip = await host.join()
    await host.client.stop()
    rmSync(host.client.leaseFile)
    await host.netns.ip('address', 'flush', 'dev', 'wow0')
    assert.equal((await host.client.start()).ip, ip)
  })

  test('keeps them when the agent alone was killed and a client asks at its new tap', async () => {
    const host = await lab.host('agent-alone', { token })
    const ip = await host.join()
    const { peerId } = await host.agent.status()
    await host.agent.kill()
    await host.startAgent().phase('ready')
    // The old tap is gone, and with it dhclient's socket: the machine's supervisor would start another dhclient.
    await host.client.stop()
    assert.equal((await host.client.start()).ip, ip)
    assert.equal((await host.agent.status()).peerId, peerId)
    assert.notEqual(await witness.ping(ip), null)
  })
})

describe('an agent that is told to stop', { skip: labMissing() }, () => {
  let lab: Lab
  let token: string
  before(async () => {
    lab = await Lab.open()
    const bootstrap = await lab.bootstrap()
    token = (await lab.createNamespace(bootstrap, { pool: '10.128.0.0/9' })).token
  })
  after(() => lab.close())

  test('ends with exit code 0, and leaves no tap, socket or lock', async () => {
    const host = await lab.host('clean', { token })
    await host.join()
    const { state } = host.agent.options
    assert.equal(await host.agent.stop(), 0)
    assert.ok(!(await host.netns.ip('link')).includes('wow0'))
    for (const file of ['control.sock', 'agent.pid']) assert.ok(!existsSync(join(state, file)), file)
    for (const file of ['identity.json', 'leases.json', 'peers.json']) assert.ok(existsSync(join(state, file)), file)
  })

  test('ends as well while it still looks for its bootstrap node', async () => {
    const host = await lab.host('seeking', { token, bootstrap: ['/ip4/198.51.100.250/tcp/4001'] })
    await host.startAgent().phase('listening')
    assert.equal(await host.agent.stop(), 0)
    assert.ok(!(await host.netns.ip('link')).includes('wow0'))
  })

  test('refuses a corrupt state file with exit code 2, and makes no tap', async () => {
    const host = await lab.host('corrupt', { token })
    await host.startAgent().phase('listening')
    await host.agent.stop()
    writeFileSync(join(host.agent.options.state, 'identity.json'), '{"version":1,')
    const agent = host.startAgent()
    assert.equal(await agent.exited, 2)
    assert.ok(agent.log.some((line) => line.includes('identity.json')))
    assert.ok(!(await host.netns.ip('link')).includes('wow0'))
  })
})
