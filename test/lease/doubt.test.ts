import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Mac } from '../../agent/core/ip.ts'
import { SILENT } from '../../agent/core/log.ts'
import { Vigil } from '../../agent/core/vigil.ts'
import type { Dht, Outcome } from '../../agent/dht/dht.ts'
import type { ClientId } from '../../agent/lease/lease.ts'
import { LeaseManager } from '../../agent/lease/lease-manager.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { SimCluster } from '../../sim/sim-cluster.ts'
import { clusterOf } from '../sim/cluster.ts'

const CLIENT = 'hw:020000000009' as ClientId
const MAC = '02:00:00:00:00:09' as Mac
const WON: Outcome = { votes: ['ok', 'ok', 'ok', 'ok', 'ok'], accepted: 5, won: true, lost: false }
/** Long enough to be an absence, too short for a request to give up. */
const NAP_MS = 1_500

describe('a node that was away for a moment', () => {
  test('offers nothing of before any more: the client asks again', async () => {
    const sim = await clusterOf(20, 11)
    const host = sim.hosts()[5]!
    const offer = await sim.clock.complete(host.leases.offer(CLIENT, MAC))
    assert.ok(offer.ok)
    sim.hold(host, 'sleep')
    await sim.clock.runFor(NAP_MS)
    sim.resume(host)
    await sim.clock.runFor(1)
    assert.deepEqual(host.leases.held(), [])
  })

  test('does not take the answer to what it asked before for an answer to its doubt', async () => {
    const sim = new SimCluster(12)
    const asked: ((outcome: Outcome) => void)[] = []
    const dht = new Proxy({} as Dht, {
      get: (_, name) =>
        name === 'recreate' ? () => new Promise<Outcome>((resolve) => asked.push(resolve)) : () => Promise.resolve(WON),
    })
    const vigil = new Vigil(sim.clock)
    const { clock, random, keys, pool, leaseMs } = sim
    const world = { dht, clock, random, keys, pool, leaseMs, vigil, self: toAddress(1n), reserved: [] }
    const leases = new LeaseManager({ ...world, store: { load: () => [], save: () => {} }, log: SILENT })
    const offer = await leases.offer(CLIENT, MAC)
    assert.ok(offer.ok)
    const acquire = async () => {
      const acquired = leases.acquire(CLIENT, MAC, offer.ip)
      return async () => {
        asked.shift()!(WON)
        assert.ok((await acquired).ok)
      }
    }
    await (await acquire())()
    const answerToRenewal = await acquire()
    await clock.runFor(1)
    vigil.report(60_000)
    assert.equal(asked.length, 2)
    await answerToRenewal()
    assert.equal(leases.usable(offer.ip), undefined)
    asked.shift()!(WON)
    await clock.runFor(1)
    assert.notEqual(leases.usable(offer.ip), undefined)
  })

  test('does not use its lease again while the DHT gives no clear answer', async () => {
    const sim = await clusterOf(20, 13)
    const host = sim.hosts()[5]!
    const { ip } = await sim.clock.complete(sim.lease(host))
    sim.hold(host, 'sleep')
    await sim.clock.runFor(NAP_MS)
    const others = sim.hosts().filter((one) => one !== host)
    for (const other of others) sim.powerOff(other)
    sim.resume(host)
    for (let second = 0; second < 10; second++) {
      await sim.clock.runFor(1_000)
      assert.equal(host.leases.usable(ip), undefined)
    }
    assert.notEqual(host.leases.holder(ip), undefined)
  })
})
