import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { decode, encode } from '../../agent/core/codec.ts'
import type { Ip4 } from '../../agent/core/ip.ts'
import { MAX_ENTRIES_PER_PUBLISHER, MAX_SERIAL } from '../../agent/dht/constants.ts'
import { MAJORITY, type SubKey } from '../../agent/dht/dht.ts'
import {
  type Change,
  changeAnswerCodec,
  type DhtRequest,
  dhtRequestCodec,
  getAnswerCodec,
  type MovingEntry,
  pageCodec,
  type Verdict,
} from '../../agent/dht/messages.ts'
import { holderOf } from '../../agent/dht/proof.ts'
import { subKeyOf, subKeysOf } from '../../agent/dht/sub-keys.ts'
import { leaseKey, openOwner, sealOwner } from '../../agent/lease/lease-entry.ts'
import { deriveKeys } from '../../agent/namespace/keys.ts'
import { type Address, isCloser } from '../../agent/overlay/address.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import type { SimCluster, SimHost } from '../../sim/sim-cluster.ts'
import { PLACES, signed } from '../dht/samples.ts'
import { clusterOf } from '../sim/cluster.ts'
import { Stranger } from './stranger.ts'

const KEY = sha256(utf8('the key'))
const PASSWORD = utf8('password')
const VALUE = utf8('value')
const HOUR = 3_600_000
const MINUTE = 60_000
/** Older than anything that the ring has seen. */
const AGES_AGO = 10 * 365 * 24 * HOUR

/** A cluster in which the first host owns `KEY`. */
async function ownedKey(seed: number, size = 30): Promise<{ sim: SimCluster; owner: SimHost }> {
  const sim = await clusterOf(size, seed)
  const owner = sim.hosts()[0]!
  assert.equal((await sim.clock.complete(owner.dht.create(KEY, PASSWORD, VALUE, HOUR))).won, true)
  await sim.clock.runFor(2_000)
  return { sim, owner }
}

async function assertOwned(sim: SimCluster, owner: SimHost): Promise<void> {
  const [found] = await sim.clock.complete(owner.dht.get(KEY))
  assert.deepEqual(found?.value, VALUE)
  assert.equal(found?.majority, true)
  assert.equal((await sim.clock.complete(owner.dht.recreate(KEY, PASSWORD, PASSWORD, VALUE, HOUR))).won, true)
}

function forgedEntry(place: number, kind: Change['statement']['kind'] = 'create'): MovingEntry {
  const change = signed(kind, 'thief', { key: KEY, value: 'stolen', ttlMs: HOUR, serial: MAX_SERIAL })
  const follows = { holder: holderOf(KEY, PASSWORD).publicKey, serial: MAX_SERIAL }
  return { place, change, ttlMs: HOUR, ageMs: AGES_AGO, accepted: true, fresh: true, follows }
}

function custodians(sim: SimCluster, subKey: SubKey): SimHost[] {
  return (['left', 'right'] as const).map((side) => sim.host(sim.trueSide(subKey, side)))
}

function coordinator(sim: SimCluster, subKey: SubKey): SimHost {
  const [left, right] = custodians(sim, subKey)
  return isCloser(subKey, left!.address, right!.address) ? left! : right!
}

async function ask(sim: SimCluster, host: SimHost, subKey: SubKey, request: DhtRequest): Promise<Verdict> {
  const body = encode(dhtRequestCodec, request)
  const answer = await sim.clock.complete(host.ring.request(SERVICES.dht, subKey, body))
  return decode(changeAnswerCodec, answer.body).verdict
}

/** A host of the ring that is near none of the sub-keys. */
function farHost(sim: SimCluster): SimHost {
  const around = subKeysOf(KEY).flatMap((subKey) => custodians(sim, subKey))
  const isFar = (host: SimHost) =>
    around.every(({ address, ring }) => address !== host.address && !ring.isNear(host.address))
  const found = sim.hosts().find(isFar)
  assert.ok(found, 'this seed has a host away from every sub-key')
  return found
}

describe('a key is not taken over without its password', () => {
  test('by a node of the ring that offers an entry said to be older', async () => {
    const { sim, owner } = await ownedKey(1)
    const thief = farHost(sim)
    for (const place of PLACES) {
      const offer: DhtRequest = { kind: 'offer', entry: forgedEntry(place), both: true }
      assert.equal(await ask(sim, thief, subKeyOf(KEY, place), offer), 'taken')
    }
    await assertOwned(sim, owner)
  })

  test('by a stranger linked to a replica, in his own name, the other replica’s, or the replica’s own', async () => {
    const { sim, owner } = await ownedKey(2)
    for (const place of PLACES) {
      const subKey = subKeyOf(KEY, place)
      const [left, right] = custodians(sim, subKey)
      const victim = coordinator(sim, subKey).address
      const stranger = await Stranger.at(sim, victim)
      const entry = forgedEntry(place)
      const { change } = entry
      for (const source of [stranger.address, left!.address, right!.address]) {
        for (const target of [subKey, left!.address, right!.address]) {
          const asking = { source, target, delivery: target === subKey ? 'closest' : 'exact', hops: 3 } as const
          await stranger.ask({ kind: 'replicate', place, change, response: undefined }, asking)
          await stranger.ask({ kind: 'offer', entry, both: false }, asking)
          await stranger.ask({ kind: 'offer', entry, both: true }, asking)
          await stranger.ask({ kind: 'change', place, change, response: undefined }, asking)
        }
      }
      stranger.close()
    }
    await sim.clock.runFor(2_000)
    await assertOwned(sim, owner)
  })

  test('by a replica that uses all that it was told, at the sub-keys of others', async () => {
    const { sim, owner } = await ownedKey(3)
    const first = await sim.clock.complete(owner.dht.recreate(KEY, PASSWORD, PASSWORD, utf8('old'), HOUR))
    assert.equal(first.won, true)
    await sim.clock.runFor(1_000)
    const replica = coordinator(sim, subKeyOf(KEY, 0))
    const { change: old } = replica.dht.store.get(subKeyOf(KEY, 0))!.proven
    assert.equal((await sim.clock.complete(owner.dht.recreate(KEY, PASSWORD, PASSWORD, VALUE, HOUR))).won, true)
    await sim.clock.runFor(1_000)
    const { statement } = old
    const mine = signed('recreate', 'thief', { key: KEY, value: 'stolen', ttlMs: HOUR })
    const forged: Change[] = [
      { ...old, statement: { ...statement, kind: 'delete' } },
      { ...old, statement: { ...statement, serial: MAX_SERIAL } },
      { ...old, statement: { ...statement, value: utf8('stolen') } },
      { ...mine, former: { holder: statement.holder, signature: old.signature } },
    ]
    for (const place of [1, 2, 3, 4]) {
      const subKey = subKeyOf(KEY, place)
      for (const change of forged) {
        assert.equal(await ask(sim, replica, subKey, { kind: 'change', place, change, response: undefined }), 'forged')
      }
      assert.equal(
        await ask(sim, replica, subKey, { kind: 'change', place, change: mine, response: undefined }),
        'wrong-password',
      )
      assert.equal(
        await ask(sim, replica, subKey, { kind: 'change', place, change: old, response: undefined }),
        'stale',
      )
    }
    await assertOwned(sim, owner)
  })

  test('by a replica that answers everything with lies', async () => {
    const { sim, owner } = await ownedKey(4)
    const liar = coordinator(sim, subKeyOf(KEY, 0))
    const lie = forgedEntry(0)
    liar.ring.serve(SERVICES.dht, ({ body }) => {
      const { kind } = decode(dhtRequestCodec, body)
      if (kind === 'get') return encode(getAnswerCodec, { verdict: 'ok', entry: lie })
      if (kind === 'pull') return encode(pageCodec, { whole: true, extent: 0n as Address, entries: [lie], last: true })
      return encode(changeAnswerCodec, { verdict: 'stale', newer: lie, challenges: [] })
    })
    await assertOwned(sim, owner)
    await assertOwned(sim, owner)
    // Its new neighbours take over from it and from honest hosts.
    sim.boot()
    sim.kill(sim.hosts().find((host) => host !== liar && host !== owner && liar.ring.isNear(host.address))!)
    await sim.clock.runFor(10_000)
    await assertOwned(sim, owner)
  })
})

describe('a stranger', () => {
  test('gets no page of what a node stores, under no name', async () => {
    const { sim } = await ownedKey(5)
    const victim = coordinator(sim, subKeyOf(KEY, 0))
    const stranger = await Stranger.at(sim, victim.address)
    const names = [stranger.address, victim.address, victim.ring.neighbor('left')!, victim.ring.neighbor('right')!]
    for (const source of names) {
      for (const side of ['left', 'right'] as const) {
        const pull: DhtRequest = { kind: 'pull', side, beyond: true, cursor: undefined }
        assert.equal(await stranger.ask(pull, { source, target: victim.address, delivery: 'exact' }), undefined)
        const neighbor = victim.ring.neighbor(side)!
        assert.equal(await stranger.ask(pull, { source, target: neighbor, delivery: 'exact' }), undefined)
      }
    }
  })

  test('without the secret gets no address that members believe in, though he reads and writes their very entry', async () => {
    const { sim } = await ownedKey(6)
    const [member] = sim.hosts()
    const { ip } = await sim.clock.complete(sim.lease(member!))
    const mallory = farHost(sim)
    const secretless = deriveKeys('sim', new Uint8Array(32).fill(1))
    assert.notDeepEqual(leaseKey(secretless, ip), leaseKey(sim.keys, ip))
    // Mallory learned the key of an address that nobody holds, and writes himself in as its owner.
    const free = (ip + 1) as Ip4
    const key = leaseKey(sim.keys, free)
    const claims = [
      sealOwner(secretless, free, mallory.address, mallory.random),
      (await sim.clock.complete(member!.dht.get(leaseKey(sim.keys, ip))))[0]!.value,
    ]
    for (const value of claims) {
      const outcome = await sim.clock.complete(mallory.dht.recreate(key, utf8('m'), utf8('m'), value, HOUR))
      assert.ok(outcome.accepted >= MAJORITY)
      const [found] = await sim.clock.complete(member!.dht.get(key))
      assert.deepEqual(found?.value, value)
      assert.equal(openOwner(sim.keys, free, found!.value), undefined)
    }
  })

  test('makes a node store no more than his quota, and others go on storing there', async () => {
    const sim = await clusterOf(2, 7)
    const [victim, member] = sim.hosts()
    const stranger = await Stranger.at(sim, victim!.address)
    const isClosest = (subKey: SubKey) => isCloser(subKey, victim!.address, member!.address)
    let told = 0
    let last: Change | undefined
    for (let i = 0; told < MAX_ENTRIES_PER_PUBLISHER + 200; i++) {
      const key = sha256(utf8(`mine ${i}`))
      if (!isClosest(subKeyOf(key, 0))) continue
      last = signed('create', 'm', { key, ttlMs: MINUTE, publisher: stranger.address })
      stranger.tell({ kind: 'change', place: 0, change: last, response: undefined }, { target: subKeyOf(key, 0) })
      // Stays within the rate at which a node listens to a stranger.
      if (++told % 40 === 0) await sim.clock.runFor(100)
    }
    await sim.clock.runFor(2_000)
    for (const { dht } of [victim!, member!]) assert.ok(dht.store.size <= MAX_ENTRIES_PER_PUBLISHER)
    const { key } = last!.statement
    const again = signed('create', 'm', { key, ttlMs: MINUTE, publisher: stranger.address })
    const answer = await stranger.ask(
      { kind: 'change', place: 0, change: again, response: undefined },
      { target: subKeyOf(key, 0) },
    )
    assert.equal(decode(changeAnswerCodec, answer!).verdict, 'full')
    assert.equal((await sim.clock.complete(member!.dht.create(KEY, PASSWORD, VALUE, HOUR))).won, true)
    await sim.clock.runFor(1.5 * MINUTE)
    assert.ok(victim!.dht.store.size < 10, 'and nothing of it stays')
  })
})
