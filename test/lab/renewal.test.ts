import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Host, Lab, labMissing } from '../../lab/lab.ts'
import { until } from '../../lab/until.ts'
import { joinedCluster } from './cluster.ts'

describe('leases of twenty seconds', { skip: labMissing() }, () => {
  let lab: Lab
  let hosts: readonly Host[]
  let ips: readonly string[]
  before(async () => {
    ;({ lab, hosts, ips } = await joinedCluster(['one', 'two'], { pool: '10.128.0.0/9', lease: '20s' }))
  })
  after(() => lab.close())

  test('are renewed again and again, with the same address', async () => {
    for (const { client } of hosts) {
      await until('three renewals', async () => client.log.filter((line) => line.includes('DHCPACK')).length > 3)
    }
    assert.deepEqual(await Promise.all(hosts.map(({ client }) => client.address())), ips)
    for (const [index, host] of hosts.entries()) assert.notEqual(await host.ping(ips[1 - index] ?? ''), null)
  })

  test('end when nobody renews them', async () => {
    const [one, two] = hosts
    assert.ok(one && two)
    await one.client.stop()
    const status = async () => (await one.agent.status()).leases.length
    await until('the lease has ended', async () => (await status()) === 0)
    assert.equal((await two.agent.status()).leases[0]?.ip, ips[1])
  })
})

describe('a pool with two addresses', { skip: labMissing() }, () => {
  let lab: Lab
  before(async () => {
    lab = await Lab.open()
  })
  after(() => lab.close())

  test('serves two hosts, leaves a third without, and gives it the one that is released', async () => {
    const bootstrap = await lab.bootstrap()
    const reserve = '10.77.0.4,10.77.0.5,10.77.0.6'
    const { token } = await lab.createNamespace(bootstrap, { pool: '10.77.0.0/29', reserve })
    const [one, two, three] = await Promise.all(['one', 'two', 'three'].map((name) => lab.host(name, { token })))
    assert.ok(one && two && three)
    const ips = [await one.join(), await two.join()]
    assert.deepEqual([...ips].sort(), ['10.77.0.2', '10.77.0.3'])

    await three.startAgent().phase('ready')
    three.client.launch()
    await three.agent.logged('pool-exhausted')
    assert.equal(await three.client.address(), undefined)
    await one.client.release()
    assert.equal(await three.client.bound(), ips[0])
  })
})
