import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { decode, encode } from '../../agent/core/codec.ts'
import { REMAP } from '../../agent/dht/dht.ts'
import { dhtRequestCodec, pageCodec } from '../../agent/dht/messages.ts'
import { subKeysOf } from '../../agent/dht/sub-keys.ts'
import { opposite, walk } from '../../agent/overlay/neighborhood.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import type { SimCluster, SimHost } from '../../sim/sim-cluster.ts'
import { clusterOf } from './cluster.ts'

const PASSWORD = utf8('password')
const VALUE = utf8('value')
const HOUR = 3_600_000

function key(name: string): Uint8Array {
  return sha256(utf8(name))
}

function anyHost(sim: SimCluster): SimHost {
  return sim.host(sim.anyNode()!.address)
}

describe('DHT in virtual time', () => {
  test('what one node creates every other node gets, with all votes', async () => {
    const sim = await clusterOf(30, 1)
    const outcome = await sim.clock.complete(anyHost(sim).dht.create(key('a'), PASSWORD, VALUE, HOUR))
    assert.equal(outcome.won, true)
    await sim.clock.runFor(2_000)
    for (const host of sim.hosts()) {
      const [found] = await sim.clock.complete(host.dht.get(key('a')))
      assert.deepEqual(found?.value, VALUE)
      assert.equal(found?.majority, true)
    }
  })

  test('both replicas of every sub-key know that both have what was created', async () => {
    const sim = await clusterOf(20, 9)
    await sim.clock.complete(anyHost(sim).dht.create(key('a'), PASSWORD, VALUE, HOUR))
    await sim.clock.runFor(2_000)
    for (const subKey of subKeysOf(key('a'))) {
      const replicas = sim.hosts().filter(({ dht }) => dht.custodianOf(subKey) !== undefined)
      assert.deepEqual(
        replicas.map(({ dht }) => dht.store.get(subKey)?.accepted),
        [true, true],
      )
    }
  })

  test('a node vouches for nothing past a neighbour that answers for what lies there', async () => {
    // The last hosts joined between others, which keep for a minute what they answered for alone.
    const sim = await clusterOf(20, 8)
    for (const host of sim.hosts()) {
      for (const side of ['left', 'right'] as const) {
        const neighbor = host.ring.neighbor(side)!
        const body = encode(dhtRequestCodec, { kind: 'pull', side: opposite(side), beyond: true, cursor: undefined })
        const answer = await sim.clock.complete(host.ring.request(SERVICES.dht, neighbor, body, { delivery: 'exact' }))
        const { whole, extent } = decode(pageCodec, answer.body)
        assert.deepEqual([whole, extent], [false, walk(host.address, side, neighbor)])
      }
    }
  })

  test('a key that nobody created is found missing, not unanswered', async () => {
    const sim = await clusterOf(10, 2)
    assert.deepEqual(await sim.clock.complete(anyHost(sim).dht.get(key('none'))), [])
  })

  test('of many nodes that create one key at the same moment at most one wins', async () => {
    const sim = await clusterOf(40, 3)
    for (let round = 0; round < 20; round++) {
      const rivals = sim.hosts().slice(0, 5)
      const creates = rivals.map(({ dht }, i) => dht.create(key(`r${round}`), utf8(`p${i}`), utf8(`v${i}`), HOUR))
      const outcomes = await sim.clock.complete(Promise.all(creates))
      assert.ok(outcomes.filter(({ won }) => won).length <= 1, JSON.stringify(outcomes))
    }
  })

  test('a second create is told that the key is taken; the right password may recreate and delete', async () => {
    const sim = await clusterOf(10, 4)
    const [alice, bob] = sim.hosts()
    const run = <T>(promise: Promise<T>) => sim.clock.complete(promise)
    assert.equal((await run(alice!.dht.create(key('k'), PASSWORD, VALUE, HOUR))).won, true)
    await sim.clock.runFor(1_000)
    const refused = await run(bob!.dht.create(key('k'), utf8('other'), utf8('mine'), HOUR))
    assert.equal(refused.lost, true)
    assert.equal((await run(bob!.dht.recreate(key('k'), utf8('other'), utf8('other'), VALUE, HOUR))).lost, true)
    assert.equal((await run(bob!.dht.delete(key('k'), utf8('other')))).lost, true)
    assert.equal((await run(alice!.dht.recreate(key('k'), PASSWORD, utf8('new'), utf8('v2'), HOUR))).won, true)
    assert.equal((await run(alice!.dht.delete(key('k'), utf8('new')))).won, true)
    await sim.clock.runFor(1_000)
    assert.deepEqual(await run(bob!.dht.get(key('k'))), [])
  })

  test('an entry is gone when its time-to-live is over, and not before', async () => {
    const sim = await clusterOf(10, 5)
    await sim.clock.complete(anyHost(sim).dht.create(key('t'), PASSWORD, VALUE, 30_000))
    await sim.clock.runFor(25_000)
    assert.equal((await sim.clock.complete(anyHost(sim).dht.get(key('t')))).length, 1)
    await sim.clock.runFor(6_000)
    assert.deepEqual(await sim.clock.complete(anyHost(sim).dht.get(key('t'))), [])
  })

  test('entries outlive every node that first stored them, as long as nodes change one by one', async () => {
    const sim = await clusterOf(12, 6)
    const first = sim.hosts()
    const names = Array.from({ length: 20 }, (_, i) => `e${i}`)
    const creates = names.map((name) => anyHost(sim).dht.create(key(name), PASSWORD, utf8(name), HOUR))
    for (const { won } of await sim.clock.complete(Promise.all(creates))) assert.equal(won, true)
    for (const old of first) {
      sim.boot()
      await sim.clock.runFor(4_000)
      sim.powerOff(old)
      await sim.clock.runFor(6_000)
    }
    for (const name of names) {
      const [found] = await sim.clock.complete(anyHost(sim).dht.get(key(name)))
      assert.equal(found?.majority, true, `${name} has ${found?.votes ?? 0} of ${REMAP} votes`)
    }
  })

  test('a key that is held stays taken while nodes come and go', async () => {
    const sim = await clusterOf(20, 7)
    const held = Array.from({ length: 10 }, (_, i) => key(`h${i}`))
    for (const k of held) await sim.clock.complete(anyHost(sim).dht.create(k, PASSWORD, VALUE, HOUR))
    for (let i = 0; i < 20; i++) {
      sim.boot()
      sim.kill(sim.anyNode()!)
      await sim.clock.runFor(3_000)
      const thief = anyHost(sim)
      const outcome = await sim.clock.complete(thief.dht.create(held[i % 10]!, utf8('thief'), VALUE, 1_000))
      assert.equal(outcome.won, false)
    }
  })

  test('lost messages make operations slower, never wrong', async () => {
    const sim = await clusterOf(20, 8)
    sim.network.weather.loss = 0.05
    for (let i = 0; i < 20; i++) {
      const name = `l${i}`
      const outcome = await sim.clock.complete(anyHost(sim).dht.create(key(name), PASSWORD, utf8(name), HOUR))
      assert.equal(outcome.won, true, JSON.stringify(outcome))
      const thief = await sim.clock.complete(anyHost(sim).dht.create(key(name), utf8('thief'), VALUE, HOUR))
      assert.equal(thief.won, false)
    }
  })

  test('nothing is asked of the DHT before the node is correctly connected', async () => {
    const sim = await clusterOf(5, 9)
    const late = sim.boot()
    assert.equal(late.ring.correctlyConnected, false)
    const outcome = await sim.clock.complete(late.dht.create(key('early'), PASSWORD, VALUE, HOUR))
    assert.equal(outcome.won, true)
    assert.equal(late.ring.correctlyConnected, true)
  })
})
