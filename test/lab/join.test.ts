import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { type Bootstrap, type Host, Lab, labMissing, type NamespaceMade } from '../../lab/lab.ts'
import { hostNames, joinedCluster } from './cluster.ts'

describe('five hosts with an agent, a tap and an unmodified dhclient each', { skip: labMissing() }, () => {
  const resolver = readFileSync('/etc/resolv.conf', 'utf8')
  let lab: Lab
  let namespace: NamespaceMade
  let bootstrap: Bootstrap
  let hosts: readonly Host[]
  let ips: readonly string[]

  before(async () => {
    ;({ lab, bootstrap, namespace, hosts, ips } = await joinedCluster(hostNames(5), {
      name: 'five',
      pool: '10.128.0.0/9',
    }))
  })
  after(() => lab.close())

  test('get five different addresses of the pool', () => {
    assert.equal(new Set(ips).size, 5)
    for (const ip of ips) {
      const [first, second] = ip.split('.').map(Number)
      assert.ok(first === 10 && (second ?? 0) >= 128, ip)
    }
  })

  test('each reach all the others', async () => {
    for (const host of hosts) {
      for (const ip of ips) assert.notEqual(await host.ping(ip), null, `${host.name} to ${ip}`)
    }
  })

  test('say in their status what dhclient set on the tap', async () => {
    for (const [index, host] of hosts.entries()) {
      const status = await host.agent.status()
      assert.equal(status.phase, 'leased')
      assert.equal(status.namespace?.id, namespace.id)
      assert.deepEqual(
        status.leases.map(({ ip }) => ip),
        [ips[index]],
      )
      assert.ok(status.ring.correctlyConnected)
      assert.ok(status.timings.connectedMs !== null && status.timings.leasedMs !== null)
      assert.ok(status.timings.connectedMs <= status.timings.leasedMs)
    }
  })

  test('stand in one ring of six in which left and right agree', async () => {
    const statuses = await Promise.all([bootstrap.agent, ...hosts.map(({ agent }) => agent)].map((a) => a.status()))
    const right = new Map(statuses.map(({ address, ring }) => [address, ring.right]))
    for (const { address, ring } of statuses) assert.equal(right.get(ring.left), address)
    const walked = new Set<string | null>()
    for (let at = statuses[0]?.address ?? null; !walked.has(at); at = right.get(at) ?? null) walked.add(at)
    assert.equal(walked.size, 6)
  })

  test('tell dhclient the domain of the namespace, and leave the machine below alone', () => {
    for (const { client } of hosts) {
      assert.match(readFileSync(`/proc/${client.pid}/root/etc/resolv.conf`, 'utf8'), /five\.wow/)
    }
    assert.equal(readFileSync('/etc/resolv.conf', 'utf8'), resolver)
  })

  test('give a released address back, and get it again', async () => {
    const [host] = hosts
    assert.ok(host)
    await host.client.release()
    assert.deepEqual((await host.agent.status()).leases, [])
    const { ip } = await host.client.start()
    assert.equal(ip, ips[0])
    assert.notEqual(await host.ping(ips[1] ?? ''), null)
  })
})

describe('a host whose bootstrap node is down when it boots', { skip: labMissing() }, () => {
  let lab: Lab
  before(async () => {
    lab = await Lab.open()
  })
  after(() => lab.close())

  test('answers the DISCOVER of a client that came too early as soon as the ring is there', async () => {
    const bootstrap = await lab.bootstrap()
    const { token } = await lab.createNamespace(bootstrap, { pool: '10.128.0.0/9' })
    assert.equal(await bootstrap.agent.stop(), 0)
    const host = await lab.host('early', { token })
    await host.startAgent().phase('tap')
    host.client.launch()
    await host.client.logged('DHCPDISCOVER')
    bootstrap.agent.start()
    const ip = await host.client.bound()
    const { fields } = await host.agent.phase('leased')
    assert.equal(fields.ip, ip)
  })

  test('answers a client that comes long after it was ready', async () => {
    const bootstrap = await lab.bootstrap('another')
    const { token } = await lab.createNamespace(bootstrap, { pool: '10.128.0.0/9' })
    const host = await lab.host('late', { token })
    await host.startAgent().phase('ready')
    const { ip } = await host.client.start()
    assert.match(ip, /^10\./)
  })
})
