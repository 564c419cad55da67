import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConflictNotifier } from '../../agent/dht/conflict-notifier.ts'
import { TELL_LOSERS_PER_LINK } from '../../agent/dht/constants.ts'
import type { Proven } from '../../agent/dht/proof.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { DeliveryError, type Overlay } from '../../agent/overlay/overlay.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const OWNER = toAddress(5n)
const STRANGER = toAddress(66n)
const REPLICA = toAddress(7n)

const lost = (publisher: Address) => ({ subKey: 0n, change: { statement: { publisher } } }) as unknown as Proven

describe('owners that lost an entry', () => {
  test('are told while a stranger offers entries that lose, in made-up names; those cost little more than a word each', async () => {
    const clock = new VirtualClock()
    let asked = 0
    let told = 0
    const request = async (_service: number, target: Address) => {
      asked++
      if (target !== OWNER) throw new DeliveryError('no-route', 'nobody')
      told++
      return {}
    }
    const notifier = new ConflictNotifier({ ring: { request } as unknown as Overlay, clock })
    let offers = 0
    for (let second = 0; second < 60; second++) {
      for (let i = 0; i < 6; i++) void notifier.tell(lost(toAddress(BigInt(1_000 + offers++))), STRANGER)
      void notifier.tell(lost(OWNER), REPLICA)
      await clock.runFor(1_000)
    }
    assert.equal(told, 60)
    assert.ok(asked - told < 3 * offers, `${asked - told} words for ${offers} offers`)
    notifier.stop()
  })

  test('do not answer: of what comes over one link only so many wait, and another link has room', () => {
    let asked = 0
    const request = () => {
      asked++
      return new Promise(() => {})
    }
    const notifier = new ConflictNotifier({ ring: { request } as unknown as Overlay, clock: new VirtualClock() })
    for (let i = 0; i < 2 * TELL_LOSERS_PER_LINK; i++) void notifier.tell(lost(OWNER), STRANGER)
    assert.equal(asked, TELL_LOSERS_PER_LINK)
    void notifier.tell(lost(OWNER), REPLICA)
    assert.equal(asked, TELL_LOSERS_PER_LINK + 1)
    notifier.stop()
  })
})
