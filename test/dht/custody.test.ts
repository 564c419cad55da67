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

test('a neighbour that hands over entries of all the ring is believed about those between the two', async () => {
  const theirs = setUp()
  for (let i = 0; i < ENTRIES; i++) theirs.apply(proven(signed('create', 'owner', { key: sha256(utf8(`key ${i}`)) })))
  const { entries } = theirs.store.page(SELF, SELF, undefined, ENTRIES)
  const { clock, store } = setUp()
  const answer = (from: Address, body: Uint8Array) => {
    const request = decode(dhtRequestCodec, body)
    if (request.kind === 'relieve') return encode(relievedCodec, true)
    const given: MovingEntry[] = from === RIGHT ? entries : []
    return encode(pageCodec, { whole: true, extent: toAddress(0n), entries: given, last: true })
  }
  const ring = {
    ...{ self: SELF, alone: false, isNear: () => true, shun: () => {} },
    neighbor: (side: 'left' | 'right') => (side === 'left' ? LEFT : RIGHT),
    request: async (_: number, to: Address, body: Uint8Array) => ({ from: to, hops: 1, body: answer(to, body) }),
  } as unknown as RingView
  const custody = new Custody({ ring, store, clock, random: new SeededRandom(1), opened: () => {} })
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
