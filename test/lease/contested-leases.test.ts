import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sleep } from '../../agent/core/clock.ts'
import type { Ip4 } from '../../agent/core/ip.ts'
import { subKeysOf } from '../../agent/dht/sub-keys.ts'
import { ContestedLeases } from '../../agent/lease/contested-leases.ts'
import { leaseKey } from '../../agent/lease/lease-entry.ts'
import { deriveKeys } from '../../agent/namespace/keys.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const IP = 1 as Ip4
const OTHER = 2 as Ip4
const KEYS = deriveKeys('ns', new Uint8Array(32))
/** How long the DHT takes to answer, ms. */
const ANSWER_MS = 200

function setUp() {
  const clock = new VirtualClock()
  const asked: Ip4[] = []
  const ask = async (ip: Ip4) => {
    asked.push(ip)
    await sleep(clock, ANSWER_MS)
  }
  return { clock, asked, doubts: new ContestedLeases({ clock, keys: KEYS, ask }) }
}

describe('a doubt about a lease', () => {
  test('is asked after when it names one of its sub-keys, and not when it names another', () => {
    const { asked, doubts } = setUp()
    const [subKey] = subKeysOf(leaseKey(KEYS, IP))
    doubts.onContested(toAddress(5n), [IP, OTHER])
    assert.deepEqual(asked, [])
    doubts.onContested(subKey!, [OTHER])
    assert.deepEqual(asked, [])
    doubts.onContested(subKey!, [IP, OTHER])
    assert.deepEqual(asked, [IP])
  })

  test('that comes while the DHT is being asked is asked after as well, once', async () => {
    const { clock, asked, doubts } = setUp()
    void doubts.raise(IP)
    await clock.runFor(ANSWER_MS / 2)
    for (let i = 0; i < 4; i++) void doubts.raise(IP)
    await clock.runFor(10_000)
    assert.deepEqual(asked, [IP, IP])
    void doubts.raise(IP)
    assert.deepEqual(asked, [IP, IP, IP], 'at once again after a rest')
  })

  test('costs about one question a second, however often it is raised', async () => {
    const { clock, asked, doubts } = setUp()
    for (let i = 0; i < 5_000; i++) {
      void doubts.raise(IP)
      await clock.runFor(1)
    }
    assert.ok(asked.length >= 4 && asked.length <= 6, `${asked.length} in 5 s`)
  })
})
