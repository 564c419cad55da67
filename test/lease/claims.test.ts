/** What a node does with the DHT's answers to a claim; the DHT is a stand-in that answers as it is told. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Ip4, Mac } from '../../agent/core/ip.ts'
import { SILENT } from '../../agent/core/log.ts'
import { Vigil } from '../../agent/core/vigil.ts'
import type { Dht, Outcome } from '../../agent/dht/dht.ts'
import type { ClientId } from '../../agent/lease/lease.ts'
import { LeaseManager } from '../../agent/lease/lease-manager.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { SimCluster } from '../../sim/sim-cluster.ts'

const CLIENT = 'hw:020000000009' as ClientId
const MAC = '02:00:00:00:00:09' as Mac
const WON: Outcome = { votes: ['ok', 'ok', 'ok', 'ok', 'ok'], accepted: 5, won: true, lost: false }
const UNCLEAR: Outcome = {
  votes: ['no-answer', 'no-answer', 'no-answer', 'no-answer', 'no-answer'],
  accepted: 0,
  won: false,
  lost: false,
}

function setUp(outcome: Outcome, clock = new SimCluster(3).clock) {
  const keysClaimed = new Set<string>()
  const dht = new Proxy({} as Dht, {
    get: (_, name) => async (key: Uint8Array) => {
      if (name === 'create') keysClaimed.add(Buffer.from(key).toString('hex'))
      return outcome
    },
  })
  const { random, keys, pool, leaseMs } = new SimCluster(3, { pool: '10.9.0.0/24' })
  const vigil = new Vigil(clock)
  const world = { dht, clock, random, keys, pool, leaseMs, vigil, self: toAddress(1n), reserved: [] }
  const leases = new LeaseManager({ ...world, store: { load: () => [], save: () => {} }, log: SILENT })
  return { leases, keysClaimed, pool, vigil, clock }
}

describe('a claim', () => {
  test('that no majority answered is given up: no other address is tried', async () => {
    const { leases, keysClaimed, clock } = setUp(UNCLEAR)
    assert.deepEqual(await clock.complete(leases.offer(CLIENT, MAC), 60_000), { ok: false, why: 'unavailable' })
    assert.equal(keysClaimed.size, 1)
  })

  test('is not made for an address that the client declined, nor for one outside the pool', async () => {
    const { leases, pool } = setUp(WON)
    const first = await leases.offer(CLIENT, MAC)
    assert.ok(first.ok)
    await leases.decline(CLIENT, first.ip)
    const second = await leases.offer(CLIENT, MAC, first.ip)
    assert.ok(second.ok)
    assert.notEqual(second.ip, first.ip)
    assert.deepEqual(await leases.acquire(CLIENT, MAC, (pool.base - 1) as Ip4), { ok: false, why: 'taken' })
  })
})

test('a lease is in doubt at the first look after a gap, before any timer or frame', async () => {
  let now = 0
  const clock = { now: () => now, after: () => ({ cancel: () => {} }) }
  const { leases, vigil } = setUp(WON, clock as never)
  vigil.start()
  const offer = await leases.offer(CLIENT, MAC)
  assert.ok(offer.ok)
  await leases.acquire(CLIENT, MAC, offer.ip)
  assert.notEqual(leases.usable(offer.ip), undefined)
  now += 5_000
  assert.equal(leases.usable(offer.ip), undefined)
})
