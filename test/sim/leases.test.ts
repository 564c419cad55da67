import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimCluster } from '../../sim/sim-cluster.ts'

function everybodyLeased(sim: SimCluster): boolean {
  return sim.hosts().every(({ leases }) => leases.held().some(({ offered }) => !offered))
}

describe('leases in virtual time', () => {
  test('100 hosts that come one after another get 100 different addresses', async () => {
    const sim = new SimCluster(1)
    for (let i = 0; i < 100; i++) {
      void sim.lease(sim.boot())
      await sim.clock.runFor(100)
    }
    assert.ok(await sim.clock.runUntilTrue(() => everybodyLeased(sim), 30_000))
    assert.deepEqual(sim.duplicates(), [])
  })

  test('a boot storm of 20 hosts on a pool of 29 gives 20 different addresses', async () => {
    for (let seed = 10; seed < 15; seed++) {
      const sim = new SimCluster(seed, { pool: '10.9.0.0/27' })
      const first = sim.boot()
      await sim.clock.runFor(100)
      void sim.lease(first)
      for (let i = 1; i < 20; i++) void sim.lease(sim.boot([first.address]))
      assert.ok(await sim.clock.runUntilTrue(() => everybodyLeased(sim), 60_000), `seed ${seed}`)
      assert.deepEqual(sim.duplicates(), [])
    }
  })

  test('the last free address is found, the next host hears that the pool is exhausted, and a released address is given again', async () => {
    const sim = new SimCluster(20, { pool: '10.9.0.0/29' })
    const hosts = Array.from({ length: 6 }, () => sim.boot([...sim.nodes.keys()].slice(0, 1)))
    await sim.clock.runFor(3_000)
    const leased = []
    for (const host of hosts.slice(0, 5)) leased.push(await sim.clock.complete(sim.lease(host)))
    assert.equal(new Set(leased.map(({ ip }) => ip)).size, 5)
    await assert.rejects(sim.clock.complete(sim.lease(hosts[5]!)), /exhausted/)
    await sim.clock.complete(sim.release(hosts[0]!, leased[0]!.ip))
    assert.equal((await sim.clock.complete(sim.lease(hosts[5]!))).ip, leased[0]!.ip)
  })

  test('an offer that no client takes up is free again after a minute', async () => {
    const sim = new SimCluster(21, { pool: '10.9.0.0/29' })
    const [one, other] = [sim.boot(), sim.boot()]
    await sim.clock.runFor(2_000)
    for (let i = 0; i < 5; i++) {
      const client = `hw:0${i}` as Parameters<typeof one.leases.offer>[0]
      const offer = await sim.clock.complete(one.leases.offer(client, '02:00:00:00:00:09' as never))
      assert.equal(offer.ok, true)
    }
    await assert.rejects(sim.clock.complete(sim.lease(other)), /exhausted/)
    await sim.clock.runFor(61_000)
    assert.ok((await sim.clock.complete(sim.lease(other))).ip)
  })

  test('a lease is renewed under its address and is gone from its owner before any replica lets go', async () => {
    const sim = new SimCluster(22, { leaseMs: 60_000 })
    for (let i = 0; i < 10; i++) sim.boot()
    await sim.clock.runFor(3_000)
    const [owner, other] = sim.hosts()
    const { ip } = await sim.clock.complete(sim.lease(owner!))
    for (let i = 0; i < 5; i++) {
      await sim.clock.runFor(30_000)
      assert.equal((await sim.clock.complete(sim.renew(owner!, ip))).ok, true)
    }
    const { expiresAt } = owner!.leases.holder(ip)!
    while (owner!.leases.holder(ip) !== undefined) {
      const stolen = await sim.clock.complete(sim.renew(other!, ip))
      assert.equal(stolen.ok, false)
      await sim.clock.runFor(5_000)
    }
    assert.ok(sim.clock.now() >= expiresAt)
    await sim.clock.runFor(5_000)
    assert.equal((await sim.clock.complete(sim.renew(other!, ip))).ok, true)
  })

  test('a lease that is given back while it is being renewed is held by nobody, and free for others', async () => {
    const sim = new SimCluster(24)
    for (let i = 0; i < 10; i++) sim.boot()
    await sim.clock.runFor(3_000)
    const [owner, other] = sim.hosts()
    const { ip } = await sim.clock.complete(sim.lease(owner!))
    const renewal = sim.renew(owner!, ip)
    await sim.clock.runFor(20)
    const released = sim.release(owner!, ip)
    assert.deepEqual(await sim.clock.complete(renewal), { ok: false, why: 'unavailable' })
    await sim.clock.complete(released)
    assert.deepEqual(owner!.leases.held(), [])
    assert.equal((await sim.clock.complete(sim.renew(other!, ip))).ok, true)
  })

  test('no two hosts hold one address while hosts come and one after another crashes', async () => {
    // If three died within the two seconds until the first is missed, two could be the replicas of one sub-key.
    const sim = new SimCluster(23, { pool: '10.9.0.0/25', leaseMs: 120_000 })
    for (let i = 0; i < 120; i++) {
      void sim.lease(sim.boot()).catch(() => {})
      await sim.clock.runFor(250)
      if (i % 8 === 7) sim.powerOff(sim.anyNode()!)
      assert.deepEqual(sim.duplicates(), [])
    }
    await sim.clock.runUntilTrue(() => everybodyLeased(sim), 60_000)
    assert.deepEqual(sim.duplicates(), [])
  })

  test('after a partition heals, each address that both sides gave away has one owner again within 20 s', async () => {
    const sim = new SimCluster(2, { pool: '10.9.0.0/25' })
    for (let i = 0; i < 40; i++) {
      void sim.lease(sim.boot())
      await sim.clock.runFor(150)
    }
    const half = new Map([...sim.nodes.keys()].map((address) => [address, sim.random.below(2)]))
    sim.network.canTalk = (a, b) => half.get(a) === half.get(b)
    await sim.clock.runFor(30_000)
    for (const side of [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]) {
      const member = sim.hosts().find(({ address }) => half.get(address) === side)
      const newcomer = sim.boot([member!.address])
      half.set(newcomer.address, side)
      void sim.lease(newcomer)
      await sim.clock.runFor(300)
    }
    await sim.clock.runFor(20_000)
    assert.ok(sim.duplicates().length > 0, 'this seed gives some address twice')
    sim.network.canTalk = () => true
    const healed = await sim.clock.runUntilTrue(() => sim.isWhole() && sim.duplicates().length === 0, 20_000)
    assert.equal(healed, true)
  })
})
