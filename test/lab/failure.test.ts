import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Bootstrap, type Host, type Lab, labMissing } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { hostNames, joinedCluster } from './cluster.ts'

/** A host that answers no ping for this long counts as unreachable, s. */
const PATIENCE_S = 20

describe('a cluster of six that loses members', { skip: labMissing() }, () => {
  let lab: Lab
  let token: string
  let bootstrap: Bootstrap
  let hosts: Host[]
  let ips: string[]
  before(async () => {
    const cluster = await joinedCluster(hostNames(6))
    ;({ lab, bootstrap } = cluster)
    token = cluster.namespace.token
    hosts = [...cluster.hosts]
    ips = [...cluster.ips]
  })
  after(() => lab.close())

  async function allReachEachOther(): Promise<void> {
    for (const host of hosts) {
      for (const ip of ips) assert.notEqual(await host.ping(ip, PATIENCE_S), null, `${host.name} to ${ip}`)
    }
  }

  async function ringIsWhole(): Promise<void> {
    for (const { name, agent } of hosts) {
      await until(`${name} is correctly connected`, async () => (await agent.status()).ring.correctlyConnected)
    }
  }

  test('goes on when one of them is killed', async () => {
    const victim = hosts.splice(2, 1)[0]
    const [ip] = ips.splice(2, 1)
    assert.ok(victim && ip)
    await victim.agent.kill()
    await ringIsWhole()
    await allReachEachOther()
    assert.equal(await hosts[0]?.ping(ip, 2), null)
  })

  test('goes on when a cable is pulled and nobody says goodbye', async () => {
    const victim = hosts.splice(1, 1)[0]
    ips.splice(1, 1)
    assert.ok(victim)
    const { address } = await victim.agent.status()
    await victim.netns.ip('link', 'set', 'eth0', 'down')
    for (const { name, agent } of hosts) {
      await until(`${name} has other neighbours`, async () => {
        const { correctlyConnected, left, right } = (await agent.status()).ring
        return correctlyConnected && left !== address && right !== address
      })
    }
    await allReachEachOther()
  })

  test('goes on, and takes in others, when the bootstrap node is killed', async () => {
    await bootstrap.agent.kill()
    await ringIsWhole()
    await allReachEachOther()

    const [friend] = hosts
    assert.ok(friend)
    const endpoints = (await friend.agent.status()).endpoints.slice(0, 1)
    const newcomer = await lab.host('newcomer', { token, bootstrap: endpoints })
    const ip = await newcomer.join()
    assert.ok(!ips.includes(ip))
    assert.notEqual(await friend.ping(ip, PATIENCE_S), null)
  })

  test('lets a member in again that knows only whom it met before', async () => {
    const host = hosts[1]
    assert.ok(host)
    await host.client.stop()
    await host.agent.stop()
    assert.equal(await host.join(), ips[1])
    assert.notEqual(await host.ping(ips[0] ?? '', PATIENCE_S), null)
  })
})
