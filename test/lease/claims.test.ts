/** What a node does with the DHT's answers to a claim; the DHT is a stand-in that answers as it is told. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Ip4 } from '../../agent/core/ip.ts'
import type { Outcome } from '../../agent/dht/dht.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { CLIENT, leasesOver, MAC, WON } from './stand-in.ts'

const UNCLEAR: Outcome = {
  votes: ['no-answer', 'no-answer', 'no-answer', 'no-answer', 'no-answer'],
  accepted: 0,
  won: false,
  lost: false,
}

describe('a claim', () => {
  test('that no majority answered is given up: no other address is tried', async () => {
    const clock = new VirtualClock()
    const keysClaimed = new Set<string>()
    const { leases } = leasesOver(clock, async (operation, key) => {
      if (operation === 'create') keysClaimed.add(Buffer.from(key).toString('hex'))
      return UNCLEAR
    })
    assert.deepEqual(await clock.complete(leases.offer(CLIENT, MAC), 60_000), { ok: false, why: 'unavailable' })
    assert.equal(keysClaimed.size, 1)
  })

  test('is not made for an address that the client declined, nor for one outside the pool', async () => {
    const { leases, pool } = leasesOver(new VirtualClock(), async () => WON)
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
  const { leases, vigil } = leasesOver(clock, async () => WON)
  vigil.start()
  const offer = await leases.offer(CLIENT, MAC)
  assert.ok(offer.ok)
  await leases.acquire(CLIENT, MAC, offer.ip)
  assert.notEqual(leases.usable(offer.ip), undefined)
  now += 5_000
  assert.equal(leases.usable(offer.ip), undefined)
})
