import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Ip4, Mac } from '../../agent/core/ip.ts'
import { subKeysOf } from '../../agent/dht/sub-keys.ts'
import type { ClientId } from '../../agent/lease/lease.ts'
import { leaseKey } from '../../agent/lease/lease-entry.ts'
import { SimCluster, type SimHost } from '../../sim/sim-cluster.ts'

const LEASE_MS = 600_000
const OTHER_CLIENT = 'hw:02' as ClientId
const OTHER_MAC = '02:00:00:00:00:02' as Mac

async function clusterOf(count: number, seed: number, delays: readonly [number, number]): Promise<SimCluster> {
  const sim = new SimCluster(seed, { leaseMs: LEASE_MS })
  const [minDelayMs, maxDelayMs] = delays
  Object.assign(sim.network.weather, { minDelayMs, maxDelayMs })
  for (let i = 0; i < count; i++) {
    sim.boot()
    await sim.clock.runFor(100)
  }
  const settled = () => sim.isWhole() && sim.hosts().every(({ dht }) => dht.ready)
  assert.ok(await sim.clock.runUntilTrue(settled, 60_000))
  return sim
}

/** Another host takes the address as soon as it can. */
async function take(sim: SimCluster, host: SimHost, ip: Ip4): Promise<void> {
  const taken = await sim.clock.complete(host.leases.acquire(OTHER_CLIENT, OTHER_MAC, ip))
  assert.ok(taken.ok)
}

for (const [where, delays] of [
  ['a LAN', [0, 1]],
  ['the Internet', [100, 300]],
] as const) {
  describe(`a host that sleeps, on ${where}`, () => {
    test('past its lease holds no address any more from the moment it wakes', async () => {
      for (const seed of [1, 2, 3]) {
        const sim = await clusterOf(20, seed, delays)
        const [sleeper, other] = [sim.hosts()[7]!, sim.hosts()[13]!]
        const { ip } = await sim.clock.complete(sim.lease(sleeper))
        sim.hold(sleeper, 'sleep')
        await sim.clock.runFor(LEASE_MS * 1.1)
        await take(sim, other, ip)
        sim.resume(sleeper)
        for (let i = 0; i < 600; i++) {
          assert.equal(sleeper.leases.usable(ip), undefined)
          assert.deepEqual(sim.duplicates(), [])
          await sim.clock.runFor(20)
        }
      }
    })

    test('for a while uses its address again only when it has asked', async () => {
      const sim = await clusterOf(20, 4, delays)
      const sleeper = sim.hosts()[7]!
      const { ip } = await sim.clock.complete(sim.lease(sleeper))
      sim.hold(sleeper, 'sleep')
      await sim.clock.runFor(LEASE_MS / 3)
      sim.resume(sleeper)
      assert.equal(sleeper.leases.usable(ip), undefined)
      assert.notEqual(sleeper.leases.holder(ip), undefined)
      const isUsed = () => sleeper.leases.usable(ip) !== undefined
      assert.ok(await sim.clock.runUntilTrue(isUsed, 30_000))
    })
  })
}

describe('a host that is paused with every clock of its machine, past its lease', () => {
  test('lets go of it when it hears from those who went on without it; the next owner keeps it', async () => {
    for (const seed of [1, 2, 3]) {
      const sim = await clusterOf(20, seed, [5, 40])
      const [paused, other] = [sim.hosts()[7]!, sim.hosts()[13]!]
      const { ip } = await sim.clock.complete(sim.lease(paused))
      sim.hold(paused, 'freeze')
      await sim.clock.runFor(LEASE_MS * 1.1)
      await take(sim, other, ip)
      sim.resume(paused)
      const isGone = () => paused.leases.usable(ip) === undefined
      assert.ok(await sim.clock.runUntilTrue(isGone, 5_000), `seed ${seed}`)
      await sim.clock.runFor(60_000)
      assert.equal(paused.leases.holder(ip), undefined)
      assert.notEqual(other.leases.usable(ip), undefined)
    }
  })
})

for (const hold of ['sleep', 'freeze'] as const) {
  describe(`replicas that are held, all of an address together: ${hold}`, () => {
    test('do not bring back the lease that ended meanwhile: its next owner keeps it', async () => {
      for (const seed of [1, 2, 3, 4]) {
        const sim = await clusterOf(30, seed, [5, 40])
        const former = sim.hosts()[7]!
        const { ip } = await sim.clock.complete(sim.lease(former))
        for (let i = 0; i < 10; i++) {
          await sim.clock.runFor(LEASE_MS / 3)
          await sim.clock.complete(sim.renew(former, ip))
        }
        const sides = ['left', 'right'] as const
        const subKeys = subKeysOf(leaseKey(sim.keys, ip)).slice(0, 3)
        const replicas = new Set(subKeys.flatMap((key) => sides.map((side) => sim.trueSide(key, side))))
        replicas.delete(former.address)
        const sleepers = [...replicas].map((address) => sim.host(address))
        for (const host of sleepers) sim.hold(host, hold)
        sim.powerOff(former)
        await sim.clock.runFor(LEASE_MS * 1.1)
        const next = sim.hosts().find(({ address }) => !replicas.has(address))!
        await take(sim, next, ip)
        await sim.clock.runFor(120_000)
        let lost = false
        next.leases.onLost = () => {
          lost = true
        }
        for (const host of sleepers) sim.resume(host)
        await sim.clock.runFor(60_000)
        assert.equal(lost, false, `seed ${seed}`)
        assert.notEqual(next.leases.usable(ip), undefined)
      }
    })
  })
}
