/** The client against replicas of which some do not answer. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sha256, utf8 } from '../../agent/core/bytes.ts'
import { decode, encode } from '../../agent/core/codec.ts'
import { DhtClient } from '../../agent/dht/client.ts'
import { OPERATION_DEADLINE_MS, SPREAD_MS } from '../../agent/dht/constants.ts'
import { MAJORITY, REMAP } from '../../agent/dht/dht.ts'
import { changeAnswerCodec, dhtRequestCodec } from '../../agent/dht/messages.ts'
import { subKeysOf } from '../../agent/dht/sub-keys.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { DeliveryError, type Overlay } from '../../agent/overlay/overlay.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const KEY = sha256(utf8('key'))
const PASSWORD = utf8('password')

/** Sub-keys in `silent` do not answer; the others take every change. */
function setUp() {
  const clock = new VirtualClock()
  const silent = new Set<Address>()
  const taken: Address[] = []
  let asked = 0
  const overlay = {
    self: toAddress(1n),
    correctlyConnected: true,
    routedTimeoutMs: 1_000,
    request: async (_service: number, target: Address, body: Uint8Array) => {
      asked++
      assert.equal(decode(dhtRequestCodec, body).kind, 'change')
      if (silent.has(target)) throw new DeliveryError('no-answer', 'silent')
      taken.push(target)
      return { body: encode(changeAnswerCodec, { verdict: 'ok', newer: undefined, challenges: [] }) }
    },
  } as unknown as Overlay
  const client = new DhtClient({ overlay, clock, random: new SeededRandom(1) })
  return { clock, client, silent, taken, asked: () => asked }
}

describe('a change that a majority took', () => {
  test('reaches sub-keys that answer again only after the operation is over', async () => {
    const { clock, client, silent, taken } = setUp()
    const subKeys = subKeysOf(KEY)
    for (const subKey of subKeys.slice(MAJORITY)) silent.add(subKey)
    const outcome = await clock.complete(client.create(KEY, PASSWORD, utf8('value'), 30_000))
    assert.equal(outcome.won, true)
    await clock.runFor(2 * OPERATION_DEADLINE_MS)
    assert.equal(new Set(taken).size, MAJORITY)
    silent.clear()
    await clock.runFor(5_000)
    assert.deepEqual(new Set(taken), new Set(subKeys))
    assert.equal(taken.length, REMAP, 'each took it once')
  })

  test('is repeated for a minute, some twenty times, and no longer', async () => {
    const { clock, client, silent, asked } = setUp()
    silent.add(subKeysOf(KEY)[0]!)
    await clock.complete(client.create(KEY, PASSWORD, utf8('value'), 30_000))
    await clock.runFor(OPERATION_DEADLINE_MS)
    const before = asked()
    await clock.runFor(2 * SPREAD_MS)
    assert.ok(asked() > before + 10 && asked() < before + 30, `${asked() - before} times`)
    const after = asked()
    await clock.runFor(SPREAD_MS)
    assert.equal(asked(), after)
  })

  test('is not repeated once its client has changed its mind', async () => {
    const { clock, client, silent, taken } = setUp()
    const [first] = subKeysOf(KEY)
    silent.add(first!)
    await clock.complete(client.create(KEY, PASSWORD, utf8('value'), 30_000))
    await clock.runFor(OPERATION_DEADLINE_MS)
    await clock.complete(client.delete(KEY, PASSWORD))
    await clock.runFor(OPERATION_DEADLINE_MS)
    silent.clear()
    await clock.runFor(SPREAD_MS)
    assert.ok(!taken.includes(first!))
  })

  test('is over at the deadline when there is no majority', async () => {
    const { clock, client, silent, asked } = setUp()
    for (const subKey of subKeysOf(KEY).slice(0, MAJORITY)) silent.add(subKey)
    const outcome = await clock.complete(client.create(KEY, PASSWORD, utf8('value'), 30_000))
    assert.equal(outcome.won, false)
    const before = asked()
    await clock.runFor(SPREAD_MS)
    assert.equal(asked(), before)
  })
})
