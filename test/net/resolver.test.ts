import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Counters } from '../../agent/core/counters.ts'
import type { Found } from '../../agent/dht/dht.ts'
import { leaseKey, sealOwner } from '../../agent/lease/lease-entry.ts'
import { deriveKeys } from '../../agent/namespace/keys.ts'
import { Resolver } from '../../agent/net/resolver.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { MemoryDht } from './doubles.ts'
import { ip } from './lab.ts'

const keys = deriveKeys('ns', new Uint8Array(32))
const random = new SeededRandom(1)
const IP = ip('10.128.0.9')
const HERE = toAddress(111n)
const THERE = toAddress(222n)

function setUp() {
  const clock = new VirtualClock()
  const dht = new MemoryDht(clock)
  const counters = new Counters()
  const resolver = new Resolver({ dht, keys, clock, counters })
  const put = (owner = HERE, ttlMs?: number) => dht.put(leaseKey(keys, IP), sealOwner(keys, IP, owner, random), ttlMs)
  return { clock, dht, resolver, put, counters }
}

describe('resolving a virtual address', () => {
  test('asks the DHT once however many want to know', async () => {
    const { clock, dht, resolver, put } = setUp()
    put()
    const answers = Promise.all([resolver.resolve(IP), resolver.resolve(IP), resolver.refresh(IP)])
    assert.deepEqual(await clock.complete(answers), [HERE, HERE, HERE])
    assert.equal(resolver.peek(IP), HERE)
    assert.equal(dht.gets, 1)
  })

  test('an address in use is asked for again before it runs out, and never missing meanwhile', async () => {
    const { clock, dht, resolver, put } = setUp()
    put()
    await clock.complete(resolver.resolve(IP))
    for (let second = 0; second < 300; second++) {
      assert.equal(resolver.peek(IP), HERE, `after ${second} s`)
      await clock.runFor(1000)
    }
    assert.ok(dht.gets > 4 && dht.gets < 10, `${dht.gets} gets`)
  })

  test('an address that was not used for a while is used at once, and asked for again meanwhile', async () => {
    const { clock, dht, resolver, put } = setUp()
    put()
    await clock.complete(resolver.resolve(IP))
    await clock.runFor(299_000)
    assert.equal(dht.gets, 1)
    put(THERE)
    assert.equal(resolver.peek(IP), HERE)
    await clock.runFor(100)
    assert.equal(resolver.peek(IP), THERE)
    assert.equal(dht.gets, 2)
  })

  test('an address that nobody uses for five minutes runs out', async () => {
    const { clock, dht, resolver, put } = setUp()
    put()
    await clock.complete(resolver.resolve(IP))
    await clock.runFor(300_001)
    assert.equal(resolver.peek(IP), undefined)
    assert.equal(dht.gets, 1)
  })

  test('an answer is not believed beyond the life of its entry', async () => {
    const { clock, resolver, put } = setUp()
    put(HERE, 10_000)
    await clock.complete(resolver.resolve(IP))
    await clock.runFor(10_001)
    assert.equal(resolver.peek(IP), undefined)
  })

  test('"nobody" is believed for two seconds, so that a new lease is found soon', async () => {
    const { clock, dht, resolver, put } = setUp()
    assert.equal(await clock.complete(resolver.resolve(IP)), undefined)
    put()
    assert.equal(resolver.isAbsent(IP), true)
    assert.equal(await clock.complete(resolver.resolve(IP)), undefined)
    assert.equal(dht.gets, 1)
    await clock.runFor(2001)
    assert.equal(await clock.complete(resolver.resolve(IP)), HERE)
  })

  test('an address that moved is found at its new node at once after "not mine"', async () => {
    const { clock, resolver, put } = setUp()
    put()
    await clock.complete(resolver.resolve(IP))
    put(THERE)
    resolver.invalidate(IP, HERE)
    assert.equal(resolver.peek(IP), undefined)
    assert.equal(await clock.complete(resolver.resolve(IP)), THERE)
  })

  test('"not mine" from a node that is not believed anyway changes nothing', async () => {
    const { clock, resolver, put } = setUp()
    put()
    await clock.complete(resolver.resolve(IP))
    resolver.invalidate(IP, THERE)
    assert.equal(resolver.peek(IP), HERE)
  })

  test('a node that says "not mine" while the DHT still names it is not asked about in a loop', async () => {
    const { clock, dht, resolver, put } = setUp()
    put()
    await clock.complete(resolver.resolve(IP))
    resolver.invalidate(IP, HERE)
    assert.equal(await clock.complete(resolver.resolve(IP)), undefined)
    assert.equal(await clock.complete(resolver.resolve(IP)), undefined)
    assert.equal(dht.gets, 2)
    await clock.runFor(2500)
    assert.equal(await clock.complete(resolver.resolve(IP)), HERE)
  })

  test('while the DHT cannot answer, an owner in use is believed on, but not for ever', async () => {
    const { clock, dht, resolver, put } = setUp()
    put()
    await clock.complete(resolver.resolve(IP))
    dht.available = false
    for (let second = 0; second < 240; second++) {
      assert.equal(resolver.peek(IP), HERE, `after ${second} s`)
      await clock.runFor(1000)
    }
    for (let second = 0; second < 80; second++) {
      resolver.peek(IP)
      await clock.runFor(1000)
    }
    assert.equal(resolver.peek(IP), undefined)
  })

  test('votes are counted by owner: two seals of one node outvote another', async () => {
    const { clock, resolver, dht } = setUp()
    const found = (owner: typeof HERE, votes: number): Found => ({
      value: sealOwner(keys, IP, owner, random),
      votes,
      ttlMs: 60_000,
      majority: false,
    })
    dht.get = async () => [
      { value: new Uint8Array(60), votes: 5, ttlMs: 60_000, majority: true },
      found(THERE, 2),
      found(HERE, 1),
      found(HERE, 2),
    ]
    assert.equal(await clock.complete(resolver.resolve(IP)), HERE)
  })
})
