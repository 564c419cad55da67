import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { Ring } from '../../agent/overlay/ring.ts'
import { NodeClock } from '../../sim/node-clock.ts'
import type { SimCluster } from '../../sim/sim-cluster.ts'
import { endpointOf } from '../../sim/sim-link.ts'
import { clusterOf } from './cluster.ts'

/** A node that keeps the ring's rules and never answers about the DHT. */
function joinSilently(sim: SimCluster, address: Address): Ring {
  const fault = (error: unknown) => {
    throw error
  }
  const parts = { links: sim.network.host(address), clock: new NodeClock(sim.clock), random: sim.random.fork() }
  const ring = new Ring({ ...parts, onFault: fault })
  ring.serve(SERVICES.dht, () => new Promise(() => {}))
  ring.start()
  void ring.bootstrap(sim.someMembers(3).map(endpointOf))
  return ring
}

describe('a neighbour that never hands over', () => {
  test('is gone round: the members beside it are ready again, and a host that boots there becomes ready', async () => {
    const sim = await clusterOf(40, 9)
    const victim = sim.hosts()[11]!
    const silent = joinSilently(sim, toAddress(victim.address + 12_345n))
    await sim.clock.runFor(3_000)
    const areReady = () => sim.hosts().every(({ dht }) => dht.ready)
    assert.equal(areReady(), false, 'it stands between two members')
    assert.ok(await sim.clock.runUntilTrue(areReady, 15_000, 200))
    const newcomer = sim.boot()
    assert.ok(await sim.clock.runUntilTrue(() => newcomer.dht.ready, 30_000, 200))
    await silent.stop()
  })

  test('is told apart from one that is slow', async () => {
    const sim = await clusterOf(20, 10)
    Object.assign(sim.network.weather, { minDelayMs: 290, maxDelayMs: 310, loss: 0.05 })
    for (let i = 0; i < 5; i++) {
      const host = sim.boot()
      assert.ok(await sim.clock.runUntilTrue(() => host.dht.ready, 60_000, 200))
    }
    await sim.clock.runFor(30_000)
    // A shunned node stays so for ten minutes; a link that lost several frames in a row is back at once.
    assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), 30_000), 'nobody is shunned')
  })

  test('is told apart from one whose every answer takes longer than the shortest patience', async () => {
    const sim = await clusterOf(12, 11)
    Object.assign(sim.network.weather, { minDelayMs: 410, maxDelayMs: 450 })
    for (let i = 0; i < 8; i++) {
      const host = sim.boot()
      assert.ok(await sim.clock.runUntilTrue(() => host.dht.ready, 60_000, 200))
    }
    await sim.clock.runFor(30_000)
    assert.ok(sim.isWhole(), 'nobody is shunned')
  })
})
