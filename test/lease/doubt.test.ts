import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Outcome } from '../../agent/dht/dht.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { clusterOf } from '../sim/cluster.ts'
import { CLIENT, leasesOver, MAC, UNCLEAR, WON } from './stand-in.ts'

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
    const clock = new VirtualClock()
    const asked: ((outcome: Outcome) => void)[] = []
    const { leases, vigil } = leasesOver(clock, (operation) =>
      operation === 'recreate' ? new Promise<Outcome>((resolve) => asked.push(resolve)) : Promise.resolve(WON),
    )
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

  test('does not use its lease again when only a minority of the replicas says that it stands', async () => {
    const clock = new VirtualClock()
    let outcome = WON
    const { leases, vigil } = leasesOver(clock, async () => outcome)
    const offer = await leases.offer(CLIENT, MAC)
    assert.ok(offer.ok && (await leases.acquire(CLIENT, MAC, offer.ip)).ok)
    outcome = UNCLEAR
    vigil.report(60_000)
    await clock.runFor(60_000)
    assert.equal(leases.usable(offer.ip), undefined)
    outcome = WON
    await clock.runFor(60_000)
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
