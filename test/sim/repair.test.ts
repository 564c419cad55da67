import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { decode, encode } from '../../agent/core/codec.ts'
import { CLAIM_TTL_MS, KEPT_LONGER } from '../../agent/dht/constants.ts'
import { MAJORITY, REMAP, type SubKey } from '../../agent/dht/dht.ts'
import { changeAnswerCodec, type DhtRequest, dhtRequestCodec, type Verdict } from '../../agent/dht/messages.ts'
import { subKeyOf, subKeysOf } from '../../agent/dht/sub-keys.ts'
import { leaseKey } from '../../agent/lease/lease-entry.ts'
import { type Address, isCloser } from '../../agent/overlay/address.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import type { SimCluster, SimHost } from '../../sim/sim-cluster.ts'
import { PLACES, signed } from '../dht/samples.ts'
import { clusterOf } from './cluster.ts'

const PASSWORD = utf8('password')
const VALUE = utf8('value')
const TTL = 180_000
const KEY = sha256(utf8('the key'))

function holdersOf(sim: SimCluster, subKey: SubKey): SimHost[] {
  return sim.hosts().filter(({ dht }) => dht.store.get(subKey) !== undefined)
}

/** The two replicas of a sub-key. */
function sidesOf(sim: SimCluster, subKey: SubKey): readonly [left: Address, right: Address] {
  return [sim.trueSide(subKey, 'left'), sim.trueSide(subKey, 'right')]
}

/** Makes all replicas of a sub-key lose its entry, as if they had died at the same moment. */
function lose(sim: SimCluster, subKey: SubKey): void {
  for (const { dht } of holdersOf(sim, subKey)) dht.store.restore(subKey, dht.store.snapshot(subKey), undefined)
}

async function ask(sim: SimCluster, host: SimHost, subKey: SubKey, request: DhtRequest): Promise<Verdict> {
  const body = encode(dhtRequestCodec, request)
  const answer = await sim.clock.complete(host.ring.request(SERVICES.dht, subKey, body))
  return decode(changeAnswerCodec, answer.body).verdict
}

describe('an entry that some of its sub-keys lost', () => {
  test('is there again after somebody read it, with what was left of its life', async () => {
    const sim = await clusterOf(20, 1)
    const [owner, reader] = sim.hosts()
    await sim.clock.complete(owner!.dht.create(KEY, PASSWORD, VALUE, TTL))
    await sim.clock.runFor(TTL / 2)
    const holes = subKeysOf(KEY).slice(0, REMAP - MAJORITY)
    for (const subKey of holes) lose(sim, subKey)
    await sim.clock.complete(reader!.dht.get(KEY))
    await sim.clock.runFor(2_000)
    for (const subKey of holes) {
      assert.equal(holdersOf(sim, subKey).length, 2, 'both replicas have it')
      for (const { dht } of holdersOf(sim, subKey)) {
        const left = dht.store.ttlOf(dht.store.get(subKey)!)
        assert.ok(left <= TTL * KEPT_LONGER - TTL / 2, `${left} ms are left`)
      }
    }
  })

  test('is asked of its owner, who has it or not: a lease stays, and what ended goes', async () => {
    const sim = await clusterOf(20, 8, { leaseMs: 600_000 })
    const [owner, reader] = sim.hosts()
    const { ip } = await sim.clock.complete(sim.lease(owner!))
    await sim.clock.runFor(5_000)
    const key = leaseKey(sim.keys, ip)
    const [hole] = subKeysOf(key)
    const entry = holdersOf(sim, hole!)[0]!.dht.store.toMoving(holdersOf(sim, hole!)[0]!.dht.store.get(hole!)!)
    lose(sim, hole!)
    await sim.clock.complete(reader!.dht.get(key))
    await sim.clock.runFor(CLAIM_TTL_MS * 2)
    assert.equal(holdersOf(sim, hole!).length, 2)
    assert.ok(holdersOf(sim, hole!).every(({ dht }) => dht.store.isFresh(hole!)))

    await sim.clock.runFor(sim.leaseMs * KEPT_LONGER)
    assert.equal(
      await ask(sim, reader!, hole!, { kind: 'change', place: 0, change: entry.change, response: undefined }),
      'challenged',
    )
    await ask(sim, reader!, hole!, { kind: 'offer', entry: { ...entry, fresh: false }, both: true })
    await sim.clock.runFor(CLAIM_TTL_MS * KEPT_LONGER)
    assert.deepEqual(holdersOf(sim, hole!), [])
  })

  test('stays lost when no majority of them has it', async () => {
    const sim = await clusterOf(20, 2)
    const [owner, reader] = sim.hosts()
    await sim.clock.complete(owner!.dht.create(KEY, PASSWORD, VALUE, TTL))
    await sim.clock.runFor(1_000)
    const holes = subKeysOf(KEY).slice(0, MAJORITY)
    for (const subKey of holes) lose(sim, subKey)
    await sim.clock.complete(reader!.dht.get(KEY))
    await sim.clock.runFor(2_000)
    for (const subKey of holes) assert.equal(holdersOf(sim, subKey).length, 0)
  })

  test('does not come back by a reader who saw it before it was deleted', async () => {
    const sim = await clusterOf(20, 3)
    const [owner, reader] = sim.hosts()
    await sim.clock.complete(owner!.dht.create(KEY, PASSWORD, VALUE, TTL))
    await sim.clock.runFor(1_000)
    const subKey = subKeyOf(KEY, 0)
    const [holder] = holdersOf(sim, subKey)
    const entry = holder!.dht.store.toMoving(holder!.dht.store.get(subKey)!)
    await sim.clock.complete(owner!.dht.delete(KEY, PASSWORD))
    await sim.clock.runFor(TTL / 2)
    assert.equal(await ask(sim, reader!, subKey, { kind: 'offer', entry, both: true }), 'stale')
  })
})

describe('one password on several machines', () => {
  test('renews from a machine whose clock is far behind, as after a restart with nothing but the password', async () => {
    const sim = await clusterOf(12, 4)
    const [owner] = sim.hosts()
    await sim.clock.complete(owner!.dht.create(KEY, PASSWORD, VALUE, TTL))
    const restarted = sim.boot(undefined, { clockRate: 0.01 })
    await sim.clock.runFor(10_000)
    assert.ok(restarted.clock.now() < owner!.clock.now() / 2)
    const renewed = await sim.clock.complete(restarted.dht.recreate(KEY, PASSWORD, PASSWORD, utf8('new'), TTL))
    assert.equal(renewed.accepted >= MAJORITY, true, JSON.stringify(renewed))
    const again = await sim.clock.complete(owner!.dht.recreate(KEY, PASSWORD, PASSWORD, VALUE, TTL))
    assert.equal(again.won, true)
    assert.equal((await sim.clock.complete(restarted.dht.delete(KEY, PASSWORD))).won, true)
  })

  test('renews from all of them at the same moment', async () => {
    const sim = await clusterOf(12, 5)
    const renewals = sim.hosts().map(({ dht }) => dht.recreate(KEY, PASSWORD, PASSWORD, VALUE, TTL))
    const outcomes = await sim.clock.complete(Promise.all(renewals))
    assert.ok(outcomes.every(({ lost }) => !lost))
    await sim.clock.runFor(1_000)
    const [found] = await sim.clock.complete(sim.hosts()[0]!.dht.get(KEY))
    assert.equal(found?.majority, true)
  })
})

describe('a change', () => {
  for (const first of ['left', 'right'] as const) {
    test(`that the other replica cannot confirm is taken back, and stands when it can: asked of the ${first} one`, async () => {
      const sim = await clusterOf(20, 6)
      // A request ends at the closer one of the two replicas.
      const place = PLACES.find((one) => {
        const [left, right] = sidesOf(sim, subKeyOf(KEY, one))
        return isCloser(subKeyOf(KEY, one), left, right) === (first === 'left')
      })!
      const subKey = subKeyOf(KEY, place)
      const [left, right] = sidesOf(sim, subKey)
      const change = signed('create', 'a', { key: KEY, ttlMs: CLAIM_TTL_MS })
      const request: DhtRequest = { kind: 'change', place, change, response: undefined }
      const coordinator = sim.host(first === 'left' ? left : right)
      sim.network.canTalk = (a, b) => !(a === left && b === right) && !(a === right && b === left)
      assert.equal(await ask(sim, coordinator, subKey, request).catch(() => 'no answer'), 'not-ready')
      assert.deepEqual(holdersOf(sim, subKey), [])
      sim.network.canTalk = () => true
      assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole() && sim.hosts().every(({ dht }) => dht.ready), 30_000))
      assert.equal(await ask(sim, coordinator, subKey, request), 'ok')
      assert.equal(holdersOf(sim, subKey).length, 2)
    })
  }

  test('that won a minority is deleted again, and the address is left to whoever won', async () => {
    const sim = await clusterOf(20, 7)
    const [winner, loser] = sim.hosts()
    const ip = sim.pool.base + 77
    const key = leaseKey(sim.keys, ip as typeof sim.pool.base)
    for (const place of [0, 1, 2]) {
      const change = signed('create', 'winner', { key, ttlMs: CLAIM_TTL_MS, publisher: winner!.address })
      assert.equal(
        await ask(sim, winner!, subKeyOf(key, place), { kind: 'change', place, change, response: undefined }),
        'ok',
      )
    }
    const client = 'hw:020000000009' as Parameters<SimHost['leases']['offer']>[0]
    const mac = '02:00:00:00:00:09' as Parameters<SimHost['leases']['offer']>[1]
    const offer = await sim.clock.complete(loser!.leases.offer(client, mac, ip as typeof sim.pool.base))
    assert.ok(offer.ok && offer.ip !== ip)
    await sim.clock.runFor(15_000)
    for (const place of [3, 4]) assert.deepEqual(holdersOf(sim, subKeyOf(key, place)), [])
    for (const place of [0, 1, 2]) assert.equal(holdersOf(sim, subKeyOf(key, place)).length, 2)
  })
})
