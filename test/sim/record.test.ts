import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Dht } from '../../agent/dht/dht.ts'
import { RECORD_TTL_MS, RecordKeeper } from '../../agent/namespace/keeper.ts'
import { publishNew } from '../../agent/namespace/publish.ts'
import { recordKey, unsealRecord } from '../../agent/namespace/record-entry.ts'
import { ClockSchedule, type Schedule } from '../../agent/namespace/schedule.ts'
import { SimCluster, type SimHost } from '../../sim/sim-cluster.ts'
import { keysOf, sampleRecord } from '../namespace/samples.ts'

const HOSTS = 5
const ROUNDS = 12
const HOUR = 3_600_000
/** An hour of the record is a minute of the ring. The record does not notice, and the test of a day takes seconds. */
const LAPSE = 60

function lapsed(dht: Dht): Dht {
  return {
    create: (key, password, value, ttlMs) => dht.create(key, password, value, ttlMs / LAPSE),
    recreate: (key, old, password, value, ttlMs) => dht.recreate(key, old, password, value, ttlMs / LAPSE),
    delete: (key, password) => dht.delete(key, password),
    get: async (key) => (await dht.get(key)).map((found) => ({ ...found, ttlMs: found.ttlMs * LAPSE })),
    onContested: () => {},
  }
}

describe('the record of a namespace', () => {
  test('outlives its creator and every member of its first day, while some member runs', async () => {
    const sim = new SimCluster(1)
    for (let i = 0; i < HOSTS; i++) {
      sim.boot()
      await sim.clock.runFor(200)
    }
    assert.ok(await sim.clock.runUntilTrue(() => sim.hosts().every(({ dht }) => dht.ready), 15_000))
    const creator = sim.hosts()[0]!
    const namespace = await sim.clock.complete(publishNew(sampleRecord(), [], lapsed(creator.dht)))
    const keys = keysOf(namespace)
    await sim.leave(creator)
    const keepers = new Map<SimHost, RecordKeeper>()
    const join = (host: SimHost) => {
      const fail = (error: unknown) => assert.fail(String(error))
      const hours = new ClockSchedule(host.clock, host.random, fail)
      const schedule: Schedule = { everyMinutes: (minutes, task) => hours.everyMinutes(minutes / LAPSE, task) }
      const keeper = new RecordKeeper({ dht: lapsed(host.dht), keys, signed: namespace.signed, schedule })
      keepers.set(host, keeper)
      keeper.start()
    }
    for (const host of sim.hosts()) join(host)
    const started = sim.clock.now()
    for (let round = 0; round < ROUNDS; round++) {
      const [oldest] = sim.hosts()
      keepers.get(oldest!)!.stop()
      if (round % 2 === 0) sim.powerOff(oldest!)
      else await sim.leave(oldest!)
      join(sim.boot())
      await sim.clock.runFor((2 * HOUR) / LAPSE)
      const found = await sim.clock.complete(sim.hosts().at(-1)!.dht.get(recordKey(keys.id)))
      assert.equal(found[0]?.majority, true, `after ${round + 1} rounds`)
      assert.equal(unsealRecord(keys, found[0].value)?.id, namespace.signed.id)
    }
    assert.ok(LAPSE * (sim.clock.now() - started) > 3 * RECORD_TTL_MS)
    for (const keeper of keepers.values()) keeper.stop()
    await sim.clock.runFor((1.1 * RECORD_TTL_MS) / LAPSE)
    assert.deepEqual(
      await sim.clock.complete(sim.hosts()[0]!.dht.get(recordKey(keys.id))),
      [],
      'and no longer than that',
    )
  })
})
