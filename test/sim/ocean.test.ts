import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { clusterOf } from './cluster.ts'

const CREATES = 40

describe('a ring across an ocean: 300 ms one way, one frame in fifty is lost', () => {
  test('wins every create, and stays whole', async () => {
    const sim = await clusterOf(40, 3)
    Object.assign(sim.network.weather, { minDelayMs: 290, maxDelayMs: 310, loss: 0.02 })
    await sim.clock.runFor(60_000)
    assert.ok(sim.isWhole())
    const hosts = sim.hosts()
    for (let i = 0; i < CREATES; i++) {
      const host = hosts[(i * 7) % hosts.length]!
      const { won } = await sim.clock.complete(
        host.dht.create(sha256(utf8(`key ${i}`)), utf8('password'), utf8('value'), 600_000),
      )
      assert.ok(won, `create ${i}`)
    }
    assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), 30_000))
  })

  test('takes in hosts, and each gets an address', async () => {
    const sim = await clusterOf(20, 4)
    Object.assign(sim.network.weather, { minDelayMs: 290, maxDelayMs: 310, loss: 0.02 })
    await sim.clock.runFor(30_000)
    for (let i = 0; i < 5; i++) {
      const host = sim.boot()
      const { ip } = await sim.clock.complete(sim.lease(host), 60_000)
      assert.notEqual(host.leases.usable(ip), undefined)
      assert.ok((await sim.clock.complete(sim.renew(host, ip))).ok)
    }
    assert.deepEqual(sim.duplicates(), [])
  })
})
