import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ACK_BYTES, WINDOW_MIN_BYTES } from '../../../agent/net/constants.ts'
import { SendWindow } from '../../../agent/net/tunnel/send-window.ts'
import { VirtualClock } from '../../../sim/virtual-clock.ts'

/** A sender that always has more, a queue without end in front of a line of `bytesPerMs`, and its far end. */
async function overLine(bytesPerMs: number, roundTripMs: number, seconds: number) {
  const clock = new VirtualClock()
  const window = new SendWindow()
  const packet = 10_000
  let freeAt = 0
  let received = 0
  let acknowledged = 0
  let longest = 0
  const offer = () => {
    while (window.admits(0)) {
      window.sent(packet, clock.now())
      freeAt = Math.max(freeAt, clock.now()) + packet / bytesPerMs
      if (clock.now() > 5000) longest = Math.max(longest, freeAt - clock.now())
      clock.after(freeAt - clock.now() + roundTripMs / 2, () => {
        received += packet
        if (received - acknowledged < ACK_BYTES) return
        acknowledged = received
        const count = received
        clock.after(roundTripMs / 2, () => window.acknowledged(count, clock.now()))
      })
    }
    clock.after(1, offer)
  }
  offer()
  await clock.runFor(seconds * 1000)
  return { used: received / (bytesPerMs * seconds * 1000), longestQueueMs: longest }
}

describe('the window of bytes under way to a peer', () => {
  for (const [mbits, roundTrip] of [
    [10, 20],
    [100, 2],
    [100, 40],
    [200, 80],
  ] as const) {
    test(`keeps a line of ${mbits} Mbit/s and ${roundTrip} ms busy without a queue of seconds`, async () => {
      const { used, longestQueueMs } = await overLine(mbits * 125, roundTrip, 20)
      assert.ok(used > 0.7, `used ${used.toFixed(2)} of the line`)
      assert.ok(longestQueueMs < 300, `queue of ${longestQueueMs.toFixed(0)} ms`)
    })
  }

  test('does not stay shut over bytes that the carrier lost', () => {
    const window = new SendWindow()
    window.sent(WINDOW_MIN_BYTES, 0)
    assert.equal(window.admits(0), false)
    window.pinged(10)
    window.ponged(10, 1000, 30)
    assert.equal(window.admits(0), true)
    assert.equal(window.underWay, 0)
    window.sent(5000, 40)
    window.acknowledged(6000, 60)
    assert.equal(window.underWay, 0)
  })

  test('believes no acknowledgement of more than was sent, and no answer to a heartbeat that it did not send', () => {
    const window = new SendWindow()
    window.sent(5000, 0)
    window.ponged(77, 9000, 5)
    assert.equal(window.underWay, 5000)
    window.acknowledged(1e9, 10)
    assert.equal(window.underWay, 0)
    window.sent(5000, 20)
    assert.equal(window.underWay, 5000)
  })
})
