import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { decode, encode } from '../../agent/core/codec.ts'
import { Custody, type RingView } from '../../agent/dht/custody.ts'
import { dhtRequestCodec, type MovingEntry, pageCodec, relievedCodec } from '../../agent/dht/messages.ts'
import { type Address, rightward, toAddress } from '../../agent/overlay/address.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { proven, signed } from './samples.ts'
import { setUp } from './stores.ts'

const SELF = toAddress(0n)
/** Both neighbours: half of the ring is between this node and the right one. */
const RIGHT = toAddress(1n << 159n)
const LEFT = toAddress(-1n)
const ENTRIES = 20

/** A node between two neighbours, and how they answer. */
function setUpCustody(answer: (from: Address, body: Uint8Array) => Promise<Uint8Array>) {
  const { clock, store } = setUp()
  const ring = {
    ...{ self: SELF, alone: false, isNear: () => true, shun: () => {} },
    neighbor: (side: 'left' | 'right') => (side === 'left' ? LEFT : RIGHT),
    request: async (_: number, to: Address, body: Uint8Array) => ({ from: to, hops: 1, body: await answer(to, body) }),
  } as unknown as RingView
  const custody = new Custody({ ring, store, clock, random: new SeededRandom(1), opened: () => {} })
  return { clock, store, custody }
}

/** The answer of a neighbour that knows the whole ring, and hands these entries over. */
function handOver(body: Uint8Array, entries: readonly MovingEntry[]): Uint8Array {
  if (decode(dhtRequestCodec, body).kind === 'relieve') return encode(relievedCodec, true)
  return encode(pageCodec, { whole: true, extent: toAddress(0n), entries, last: true })
}

test('a neighbour that hands over entries of all the ring is believed about those between the two', async () => {
  const theirs = setUp()
  for (let i = 0; i < ENTRIES; i++) theirs.apply(proven(signed('create', 'owner', { key: sha256(utf8(`key ${i}`)) })))
  const { entries } = theirs.store.page(SELF, SELF, undefined, ENTRIES)
  const { clock, store, custody } = setUpCustody(async (from, body) => handOver(body, from === RIGHT ? entries : []))
  custody.onNeighborsChange()
  await clock.runFor(10_000)
  assert.ok(custody.open)
  const between = theirs.store.find(
    ({ proven: { subKey } }) => rightward(SELF, subKey) < rightward(SELF, RIGHT),
    ENTRIES,
  )
  assert.ok(between.length > 0 && between.length < ENTRIES)
  assert.equal(store.size, between.length)
  custody.stop()
})

test('a node answers for an arc when its neighbour has handed it over, and after an absence when it has done so again', async () => {
  let handsOver = false
  const silence = new Promise<never>(() => {})
  const { clock, custody } = setUpCustody((_, body) => (handsOver ? Promise.resolve(handOver(body, [])) : silence))
  const sides = () => [custody.custodianOf(toAddress(5n))?.side, custody.custodianOf(LEFT)?.side]
  custody.onNeighborsChange()
  await clock.runFor(2_000)
  assert.deepEqual(sides(), [undefined, undefined])
  handsOver = true
  custody.doubt()
  await clock.runFor(10_000)
  assert.deepEqual(sides(), ['right', 'left'])
  handsOver = false
  custody.doubt()
  assert.deepEqual(sides(), [undefined, undefined])
  await clock.runFor(2_000)
  assert.deepEqual(sides(), [undefined, undefined])
  custody.stop()
})
