import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { type Codec, encode } from '../../agent/core/codec.ts'
import type { Ip4 } from '../../agent/core/ip.ts'
import { MAJORITY } from '../../agent/dht/dht.ts'
import {
  type Change,
  changeAnswerCodec,
  type DhtRequest,
  dhtRequestCodec,
  getAnswerCodec,
  pageCodec,
} from '../../agent/dht/messages.ts'
import { subKeyOf } from '../../agent/dht/sub-keys.ts'
import { VirtualNetwork } from '../../agent/net/network.ts'
import { tagOf, tunnelMessageCodec } from '../../agent/net/tunnel/messages.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { type Frame, frameCodec, ringAnswerCodec, ringRequestCodec } from '../../agent/overlay/messages.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import type { SeededRandom } from '../../sim/seeded-random.ts'
import { SimCluster, type SimHost } from '../../sim/sim-cluster.ts'
import { signed } from '../dht/samples.ts'
import { FakeTap } from '../net/doubles.ts'
import { damage, imagine } from './imagine.ts'
import { megabytesInUse } from './memory.ts'
import { Stranger } from './stranger.ts'
import { messages, randomOf } from './volume.ts'

const HOSTS = 8
const STRANGERS = 40
/** Frames from one stranger in a tenth of a second: as many as a node listens to. */
const BATCH = 50
const BATCH_MS = 100
const HOUR = 3_600_000
/** Permitted growth, MB, beside what is bounded by design: a million messages of 100 bytes would be 100. */
const MAY_GROW_MB = 12

const KEY = sha256(utf8('the key'))
const PASSWORD = utf8('password')
const VALUE = utf8('value')

/** A member with a tap, a lease and a key, among other members. */
async function membersOf(seed: number): Promise<{ sim: SimCluster; victim: SimHost; ip: Ip4; tap: FakeTap }> {
  const sim = new SimCluster(seed)
  for (let i = 0; i < HOSTS; i++) {
    sim.boot()
    await sim.clock.runFor(200)
  }
  assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole() && sim.hosts().every(({ dht }) => dht.ready), 15_000))
  const victim = sim.hosts()[0]!
  const tap = new FakeTap()
  const { ring, dht, leases, clock, random } = victim
  const network = new VirtualNetwork({ tap, overlay: ring, dht, leases, pool: sim.pool, keys: sim.keys, clock, random })
  network.start()
  const { ip } = await sim.clock.complete(sim.lease(victim))
  assert.equal((await sim.clock.complete(victim.dht.create(KEY, PASSWORD, VALUE, HOUR))).won, true)
  return { sim, victim, ip, tap }
}

/** What strangers send: every kind of frame with every kind of content, made up, well-formed or damaged. */
class Babble {
  readonly #random: SeededRandom
  readonly #addresses: readonly Address[]
  readonly #tag: Uint8Array
  readonly #changes: readonly Change[]

  constructor(random: SeededRandom, sim: SimCluster) {
    this.#random = random
    this.#addresses = [...sim.nodes.keys()].flatMap((address) => [address, toAddress(address + 1n)])
    this.#tag = tagOf(sim.keys)
    this.#changes = Array.from({ length: 60 }, (_, i) => {
      const key = i % 2 === 0 ? KEY : random.bytes(32)
      return signed((['create', 'recreate', 'delete'] as const)[i % 3]!, `p${i % 7}`, { key, ttlMs: HOUR })
    })
  }

  frame(): Uint8Array {
    const random = this.#random
    switch (random.below(8)) {
      case 0:
        return random.bytes(random.below(200))
      case 1:
      case 2:
        return damage(imagine(frameCodec, random), random)
      case 3:
        return damage(encode(frameCodec, { kind: 'datagram', body: this.#tunnel() }), random)
      case 4:
        return damage(encode(frameCodec, this.#status()), random)
      default:
        return damage(encode(frameCodec, this.#request()), random)
    }
  }

  /** A stranger's answer to the victim's request. */
  reply(id: number, from: Address): Frame {
    const codecs: Codec<unknown>[] = [ringAnswerCodec, changeAnswerCodec, getAnswerCodec, pageCodec]
    const body = damage(
      imagine(this.#random.below(2) === 0 ? codecs[0]! : codecs[this.#random.below(4)]!, this.#random),
      this.#random,
    )
    return { kind: 'answer', id, from, hops: 1, body }
  }

  #status(): Frame {
    const random = this.#random
    const some = () => Array.from({ length: random.below(3) }, () => this.#address())
    const serial = random.below(2 ** 20)
    const flags = { wanted: random.below(2) === 0, joined: random.below(8) === 0 }
    return { kind: 'status', epoch: random.below(3), serial, ...flags, left: some(), right: some() }
  }

  #request(): Frame {
    const random = this.#random
    const services = [SERVICES.dht, SERVICES.dht, SERVICES.dht, SERVICES.ring, SERVICES.tunnel, SERVICES.namespace, 9]
    const service = services[random.below(services.length)]!
    const content =
      service === SERVICES.dht
        ? this.#dht()
        : service === SERVICES.ring
          ? imagine(ringRequestCodec, random)
          : random.bytes(20)
    return {
      kind: 'request',
      id: random.below(2 ** 32),
      source: this.#address(),
      target: this.#address(),
      delivery: random.below(2) === 0 ? 'closest' : 'exact',
      service,
      hops: random.below(50),
      patienceMs: random.below(2 ** 16),
      body: damage(content, random),
    }
  }

  #dht(): Uint8Array {
    const random = this.#random
    if (random.below(2) === 0) return imagine(dhtRequestCodec, random)
    const change = this.#changes[random.below(this.#changes.length)]!
    const place = random.below(5)
    const entry = {
      place,
      change,
      ttlMs: random.below(2 ** 40),
      ageMs: random.below(2 ** 40),
      accepted: random.below(2) === 0,
      fresh: random.below(2) === 0,
      follows: random.below(2) === 0 ? undefined : { holder: change.statement.holder, serial: random.below(2 ** 40) },
    }
    const imagined = { challenges: [{ at: random.below(2 ** 40), mac: random.bytes(16) }], signature: random.bytes(64) }
    const requests: DhtRequest[] = [
      { kind: 'change', place, change, response: undefined },
      { kind: 'change', place, change, response: imagined },
      { kind: 'replicate', place, change, response: imagined },
      { kind: 'challenge', key: subKeyOf(KEY, place), holder: change.statement.holder },
      { kind: 'offer', entry, both: true },
      { kind: 'offer', entry, both: false },
      { kind: 'get' },
      { kind: 'pull', side: 'left', beyond: true, cursor: undefined },
      { kind: 'contested', key: subKeyOf(KEY, place) },
    ]
    return encode(dhtRequestCodec, requests[random.below(requests.length)]!)
  }

  #tunnel(): Uint8Array {
    const message = imagine(tunnelMessageCodec, this.#random)
    return Uint8Array.of(...(this.#random.below(8) === 0 ? this.#random.bytes(8) : this.#tag), ...message)
  }

  #address(): Address {
    const random = this.#random
    if (random.below(4) === 0) return toAddress(BigInt(`0x${Buffer.from(random.bytes(20)).toString('hex')}`))
    return this.#addresses[random.below(this.#addresses.length)]!
  }
}

describe('a member among strangers who say whatever they like', () => {
  test('throws nothing, grows by nothing, keeps what is its own, and is back in its ring when they are gone', async (t) => {
    const { sim, victim, ip, tap } = await membersOf(1)
    const random = randomOf(50)
    const babble = new Babble(random, sim)
    const crowd: Stranger[] = []
    const meet = async (place: number) => {
      const stranger = await Stranger.at(sim, victim.address)
      stranger.onHeard = (frame) => {
        if (frame.kind === 'request') stranger.send(babble.reply(frame.id, stranger.address))
        if (frame.kind === 'ping') stranger.send({ kind: 'pong', seen: random.below(100) })
      }
      crowd[place] = stranger
    }
    for (let i = 0; i < STRANGERS; i++) await meet(i)
    const total = messages(200_000)
    let said = 0
    let before: number | undefined
    while (said < total) {
      for (const [place, stranger] of crowd.entries()) {
        let linked = true
        for (let i = 0; i < BATCH && linked; i++, said++) linked = stranger.raw(babble.frame())
        if (!linked) await meet(place)
      }
      await sim.clock.runFor(BATCH_MS)
      // An unhandled rejection ends the test here, as it would end the process.
      await new Promise(setImmediate)
      tap.take()
      // The first third fills everything that is bounded.
      if (before === undefined && said > total / 3) before = megabytesInUse()
    }
    const grown = megabytesInUse() - (before ?? 0)
    const { excessFrames, malformedFrames } = victim.ring.status()
    assert.ok(excessFrames < said / 10, `${excessFrames} of ${said} were not listened to`)
    assert.ok(malformedFrames < (said * 2) / 3, `${malformedFrames} of ${said} were noise`)
    t.diagnostic(`${grown.toFixed(1)} MB more in use than after the first third`)
    assert.ok(grown < MAY_GROW_MB, `${grown.toFixed(1)} MB more after ${said} messages`)
    assert.deepEqual(
      victim.leases.held().map((lease) => lease.ip),
      [ip],
    )
    for (const stranger of crowd) stranger.close()
    const whole = () => sim.isWhole() && sim.hosts().every(({ dht }) => dht.ready)
    assert.ok(await sim.clock.runUntilTrue(whole, 60_000), 'the ring is whole again')
    const renewed = await sim.clock.complete(victim.dht.recreate(KEY, PASSWORD, PASSWORD, VALUE, HOUR))
    assert.ok(renewed.accepted >= MAJORITY, JSON.stringify(renewed))
    assert.equal((await sim.clock.complete(sim.renew(victim, ip))).ok, true)
  })
})
