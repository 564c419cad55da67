import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { equal } from '../../agent/core/bytes.ts'
import type { Dht, Found, Outcome, Vote } from '../../agent/dht/dht.ts'
import { RECORD_TTL_MS, RecordKeeper } from '../../agent/namespace/keeper.ts'
import { drawNamespace, publishNew } from '../../agent/namespace/publish.ts'
import { recordKey, sealRecord } from '../../agent/namespace/record-entry.ts'
import { ClockSchedule, CronSchedule, type Schedule } from '../../agent/namespace/schedule.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { keysOf, sampleNamespace, sampleRecord } from './samples.ts'

/** One entry per key, all five sub-keys in step; records its writes. */
class OneEntryDht implements Dht {
  onContested = () => {}
  entries = new Map<string, { password: Uint8Array; value: Uint8Array; ttlMs: number }>()
  writes: string[] = []
  silent = false

  async create(key: Uint8Array, password: Uint8Array, value: Uint8Array, ttlMs: number): Promise<Outcome> {
    return this.#write('create', key, password, value, ttlMs)
  }

  async recreate(
    key: Uint8Array,
    password: Uint8Array,
    _: Uint8Array,
    value: Uint8Array,
    ttlMs: number,
  ): Promise<Outcome> {
    return this.#write('recreate', key, password, value, ttlMs)
  }

  async delete(key: Uint8Array): Promise<Outcome> {
    this.entries.delete(String(key))
    return outcome('ok')
  }

  async get(key: Uint8Array): Promise<Found[]> {
    if (this.silent) throw new Error('no majority of answers')
    const entry = this.entries.get(String(key))
    return entry === undefined ? [] : [{ value: entry.value, votes: 5, ttlMs: entry.ttlMs, majority: true }]
  }

  #write(kind: string, key: Uint8Array, password: Uint8Array, value: Uint8Array, ttlMs: number): Outcome {
    if (this.silent) return outcome('no-answer')
    const before = this.entries.get(String(key))
    if (before !== undefined && !equal(before.password, password)) return outcome('taken')
    this.writes.push(kind)
    this.entries.set(String(key), { password, value, ttlMs })
    return outcome('ok')
  }
}

function outcome(vote: Vote): Outcome {
  const votes = Array<Vote>(5).fill(vote)
  return { votes, accepted: vote === 'ok' ? 5 : 0, won: vote === 'ok', lost: vote === 'taken' }
}

const never: Schedule = { everyMinutes: () => ({ stop() {} }) }

function keeperOf(dht: Dht, namespace = sampleNamespace(), schedule = never): { keeper: RecordKeeper; id: string } {
  const keeper = new RecordKeeper({ dht, keys: keysOf(namespace), signed: namespace.signed, schedule })
  return { keeper, id: namespace.signed.id }
}

describe('a member', () => {
  test('creates the record when nobody holds it', async () => {
    const dht = new OneEntryDht()
    const { keeper, id } = keeperOf(dht)
    await keeper.look()
    assert.equal(keeper.state, 'created')
    assert.ok(dht.entries.has(String(recordKey(id))))
  })

  test('leaves a fresh record alone and re-creates one that is past its half life', async () => {
    const dht = new OneEntryDht()
    const { keeper, id } = keeperOf(dht)
    await keeper.look()
    await keeper.look()
    assert.equal(keeper.state, 'alive')
    dht.entries.get(String(recordKey(id)))!.ttlMs = RECORD_TTL_MS / 2 - 1
    await keeper.look()
    assert.equal(keeper.state, 'recreated')
    assert.deepEqual(dht.writes, ['create', 'recreate', 'recreate'], 'a claim, its whole time, and again')
  })

  test('keeps alive what another member wrote', async () => {
    const dht = new OneEntryDht()
    const namespace = sampleNamespace()
    await keeperOf(dht, namespace).keeper.look()
    dht.entries.get(String(recordKey(namespace.signed.id)))!.ttlMs = 1
    const { keeper } = keeperOf(dht, namespace)
    await keeper.look()
    assert.equal(keeper.state, 'recreated')
  })

  test('goes by its token when the DHT holds a forged record, and says so', async () => {
    const dht = new OneEntryDht()
    const namespace = sampleNamespace()
    const value = sealRecord(keysOf(sampleNamespace()), sampleNamespace().signed)
    await dht.create(recordKey(namespace.signed.id), new Uint8Array(32), value, RECORD_TTL_MS)
    const { keeper } = keeperOf(dht, namespace)
    await keeper.look()
    assert.equal(keeper.state, 'taken')
    assert.equal(keeper.signed.id, namespace.signed.id)
    assert.notEqual(keeper.detail, '')
  })

  test('survives a DHT that does not answer', async () => {
    const dht = new OneEntryDht()
    dht.silent = true
    const { keeper } = keeperOf(dht)
    await keeper.look()
    assert.equal(keeper.state, 'unavailable')
    dht.silent = false
    await keeper.look()
    assert.equal(keeper.state, 'created')
    assert.equal(keeper.detail, '')
  })

  test('looks again within two minutes when the DHT gave no majority', async () => {
    const dht = new OneEntryDht()
    dht.silent = true
    const clock = new VirtualClock()
    const { keeper } = keeperOf(dht, sampleNamespace(), new ClockSchedule(clock, new SeededRandom(1), () => {}))
    await keeper.look()
    keeper.start()
    dht.silent = false
    await clock.runFor(2 * 60_000)
    assert.equal(keeper.state, 'created')
    keeper.stop()
  })

  test('looks again and again by the clock it is given', async () => {
    const dht = new OneEntryDht()
    const clock = new VirtualClock()
    const fail = (error: unknown) => assert.fail(String(error))
    const schedule = new ClockSchedule(clock, new SeededRandom(1), fail)
    const namespace = sampleNamespace()
    const { keeper, id } = keeperOf(dht, namespace, schedule)
    keeper.start()
    await clock.runFor(34 * 60_000)
    assert.deepEqual(dht.writes, ['create', 'recreate'])
    dht.entries.delete(String(recordKey(id)))
    await clock.runFor(34 * 60_000)
    assert.deepEqual(dht.writes, ['create', 'recreate', 'create', 'recreate'])
    keeper.stop()
    dht.entries.clear()
    await clock.runFor(24 * 3_600_000)
    assert.equal(dht.entries.size, 0)
  })
})

test('a cron schedule can be stopped, and does not keep the process alive', async () => {
  const scheduled = new CronSchedule(new SeededRandom(1), (error) => assert.fail(String(error))).everyMinutes(
    30,
    async () => {},
  )
  await import('node-cron')
  scheduled.stop()
})

describe('creating a namespace', () => {
  const wish = { ...sampleRecord(), name: undefined, domain: undefined }

  test('names it after its id when it has no name', () => {
    const { signed } = drawNamespace(wish, [])
    assert.equal(signed.record.name, `wow-${signed.id.slice(0, 6)}`)
    assert.equal(signed.record.domain, `${signed.record.name}.wow`)
    assert.equal(drawNamespace({ ...wish, name: 'My_Lab.2' }, []).signed.record.domain, 'my-lab-2.wow')
  })

  test('draws another id while the first ones are taken', async () => {
    const dht = new OneEntryDht()
    const write = dht.create.bind(dht)
    let refusals = 2
    dht.create = async (...parts) => (refusals-- > 0 ? outcome('taken') : write(...parts))
    const namespace = await publishNew(wish, [], dht)
    assert.ok(dht.entries.has(String(recordKey(namespace.signed.id))))
    assert.equal(refusals, -1)
  })

  test('fails in words when the overlay does not answer or takes nothing', async () => {
    const dht = new OneEntryDht()
    dht.silent = true
    await assert.rejects(publishNew(wish, [], dht), { code: 'DHT_NO_MAJORITY' })
    dht.create = async () => outcome('taken')
    await assert.rejects(publishNew(wish, [], dht), { code: 'IDS_TAKEN' })
  })
})
