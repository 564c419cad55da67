import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import * as v from 'valibot'
import { EMPTY } from '../../agent/core/bytes.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { Bursts } from '../../sim/bursts.ts'
import { Outages } from '../../sim/outages.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { SimCluster, type SimHost } from '../../sim/sim-cluster.ts'
import { stories } from '../../sim/stories.ts'
import { storySchema } from '../../sim/story-schema.ts'

/** Whether `from` reaches `to` over their link and hears its answer. */
async function reaches(sim: SimCluster, from: SimHost, to: SimHost): Promise<boolean> {
  to.ring.serve(SERVICES.tunnel, () => EMPTY)
  const request = from.ring.request(SERVICES.tunnel, to.address, EMPTY, { delivery: 'exact', timeoutMs: 500 })
  return await sim.clock.complete(
    request.then(
      () => true,
      () => false,
    ),
  )
}

/** Two linked hosts, nothing else. */
async function pairOfHosts(): Promise<{ sim: SimCluster; one: SimHost; other: SimHost; outages: Outages }> {
  const sim = new SimCluster(1)
  const outages = new Outages(sim)
  const one = sim.boot()
  const other = sim.boot([one.address])
  await sim.clock.runFor(2_000)
  assert.ok(await reaches(sim, one, other))
  return { sim, one, other, outages }
}

describe('the faults of the simulator', () => {
  test('any random story can be replayed', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const printed = JSON.stringify(story)
        assert.equal(JSON.stringify(v.parse(storySchema, JSON.parse(printed))), printed)
      }),
    )
  })

  test('a link that is dead in one direction carries the other one', async () => {
    const { sim, one, other, outages } = await pairOfHosts()
    let heard = 0
    one.ring.onDatagram = () => heard++
    outages.mute(one.address, other.address, 1_000)
    assert.ok(other.ring.datagram(one.address, EMPTY))
    assert.equal(await reaches(sim, one, other), false)
    assert.equal(heard, 1)
    await sim.clock.runFor(1_000)
    assert.ok(await reaches(sim, one, other))
  })

  test('a NAT that forgets its mappings kills the links through it, and the host behind it finds its way back', async () => {
    const sim = new SimCluster(2)
    for (let i = 0; i < 8; i++) sim.boot(undefined, { nat: 'open' })
    await sim.clock.runFor(3_000)
    const hidden = sim.boot(undefined, { nat: 'cone' })
    assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), 10_000))
    const neighbor = sim.host(hidden.ring.neighbor('left')!)
    assert.ok(await reaches(sim, neighbor, hidden))
    sim.network.rebind(hidden.address)
    assert.equal(await reaches(sim, neighbor, hidden), false)
    assert.ok(await sim.clock.runUntilTrue(() => !sim.isWhole(), 10_000))
    assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), 30_000))
    assert.ok(await reaches(sim, neighbor, hidden))
  })

  test('a host that starts again has its address again, and one whose disk was full keeps its lease meanwhile', async () => {
    const { sim, other } = await pairOfHosts()
    const { ip } = await sim.clock.complete(sim.lease(other))
    sim.kill(other)
    const again = sim.restart(other)
    assert.equal((await sim.clock.complete(sim.lease(again))).ip, ip)
    again.disk.full = true
    await sim.clock.complete(sim.release(again, ip))
    const { ip: next } = await sim.clock.complete(sim.lease(again))
    assert.ok((await sim.clock.complete(sim.renew(again, next))).ok)
    assert.notEqual(again.leases.usable(next), undefined)
    assert.deepEqual(sim.duplicates(), [])
  })

  test('a burst of loss takes everything on one connection, both ways, and ends', async () => {
    const bursts = new Bursts(new SeededRandom(1))
    const rate = { everyMs: 1_000, forMs: 300 }
    const lost = Array.from({ length: 100_000 }, (_, ms) => bursts.strike(ms, rate))
    const lengths = lost
      .join('')
      .match(/(true)+/g)!
      .map((burst) => burst.length / 'true'.length)
    assert.ok(lengths.length > 50)
    assert.deepEqual([...new Set(lengths.slice(0, -1))], [300])
    assert.equal(bursts.strike(100_000, undefined), false)
  })
})
