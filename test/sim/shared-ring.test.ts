import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { Beside } from '../../agent/dht/beside.ts'
import { subKeyOf } from '../../agent/dht/sub-keys.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import type { Lie } from '../../sim/liar.ts'
import { SimCluster } from '../../sim/sim-cluster.ts'

const HOSTS = 20
const LIARS = 2
const KEYS = 8
const RIVALS = 4

/** A ring in which two nodes lie, and every honest host is on the ring. */
async function ringWithLiars(seed: number, shared: boolean, lies: readonly Lie[]): Promise<SimCluster> {
  const sim = new SimCluster(seed, { shared })
  for (let i = 0; i < HOSTS; i++) {
    sim.boot()
    await sim.clock.runFor(100)
    if (i % (HOSTS / LIARS) === HOSTS / LIARS - 1) sim.bootLiar(sim.someMembers(2), new Set(lies))
  }
  assert.ok(await sim.clock.runUntilTrue(() => sim.hosts().every(({ dht }) => dht.ready), 30_000))
  return sim
}

/** Each key is created by one host and then claimed by others: how many of them won, and how many find the first. */
async function rivalry(sim: SimCluster): Promise<{ won: number; found: number }> {
  const counts = { won: 0, found: 0 }
  const hosts = sim.hosts()
  for (let i = 0; i < KEYS; i++) {
    const key = sha256(utf8(`key ${i}`))
    const [owner, ...rivals] = Array.from({ length: RIVALS + 1 }, (_, j) => hosts[(i + 3 * j) % HOSTS]!)
    const first = await sim.clock.complete(owner!.dht.create(key, utf8('owner'), utf8('owner'), 600_000))
    if (!first.won) continue
    for (const rival of rivals) {
      const { won } = await sim.clock.complete(rival.dht.create(key, utf8('rival'), utf8('rival'), 600_000))
      if (won) counts.won++
      const [found] = await sim.clock.complete(rival.dht.get(key).catch(() => []))
      if (found?.majority === true && Buffer.from(found.value).toString() === 'owner') counts.found++
    }
  }
  return counts
}

describe('a ring that anybody may join, with two of 22 nodes that claim to be closest to everything', () => {
  test('gives no key to two holders, and every host finds the true one', async () => {
    const { won, found } = await rivalry(await ringWithLiars(1, true, ['closest']))
    assert.equal(won, 0)
    assert.ok(found >= KEYS * RIVALS * 0.9, `${found} of ${KEYS * RIVALS} found`)
  })

  test('is no place for clients that believe whoever answers', async () => {
    const { won, found } = await rivalry(await ringWithLiars(1, false, ['closest']))
    assert.ok(won > 0 || found < KEYS * RIVALS)
  })

  test('finds the two nodes beside a point, those that lie included', async () => {
    const sim = await ringWithLiars(2, true, ['closest', 'ghosts'])
    const [asker] = sim.hosts()
    const beside = new Beside({ ring: asker!.ring, clock: asker!.clock, random: asker!.random })
    for (let i = 0; i < KEYS; i++) {
      const point = subKeyOf(sha256(utf8(`key ${i}`)), 0)
      const sides = await sim.clock.complete(beside.find(point))
      assert.equal(sides?.left, sim.trueSide(toAddress(point + 1n), 'left'))
      assert.equal(sides?.right, sim.trueSide(point, 'right'))
    }
  })
})
