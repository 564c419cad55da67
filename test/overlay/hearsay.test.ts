import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode, encode } from '../../agent/core/codec.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { FALSE_NAMES_WINDOW_MS, MAX_FALSE_NAMES } from '../../agent/overlay/constants.ts'
import { Hearsay } from '../../agent/overlay/hearsay.ts'
import { ringAnswerCodec, ringRequestCodec } from '../../agent/overlay/messages.ts'
import { endpointOf } from '../../sim/sim-link.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { Stranger } from '../fuzz/stranger.ts'
import { clusterOf } from '../sim/cluster.ts'

const SECONDS = 10

describe('a stranger who names neighbours that are not there, at addresses of his choice', () => {
  for (const [how, refuse] of [
    ['that do not answer', false],
    ['that refuse at once', true],
  ] as const) {
    test(`makes a node dial few of them, ${how}`, async () => {
      const sim = await clusterOf(12, 5)
      const victim = sim.hosts()[2]!
      let dials = 0
      victim.links.dial = (_contact, signal) => {
        dials++
        if (refuse) return Promise.reject(new Error('connection refused'))
        return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('time-out'))))
      }
      const stranger = await Stranger.at(sim, victim.address)
      answerContacts(stranger)
      let made = 0n
      let serial = 1
      const beside = (away: bigint): Address => toAddress(victim.address + away)
      for (let second = 0; second < SECONDS; second++) {
        for (let i = 0; i < 100; i++) {
          const left = [beside(-1n - made), beside(-100_000n - made++)]
          const right = [beside(1n + made), beside(100_000n + made++)]
          const status = { kind: 'status', epoch: 1, wanted: true, joined: true, left, right } as const
          stranger.send({ ...status, serial: serial++ })
        }
        await sim.clock.runFor(1_000)
      }
      assert.ok(dials <= 24, `${dials} dials in ${SECONDS} s`)
    })
  }
})

test('a peer that named so many nodes which are out of reach is not heeded for a minute, then it is', async () => {
  const clock = new VirtualClock()
  const hearsay = new Hearsay(clock)
  const peer = toAddress(66n)
  for (let i = 0; i < MAX_FALSE_NAMES; i++) {
    assert.equal(hearsay.heeds(peer), true)
    hearsay.onDial(peer)
    hearsay.onDialEnd(peer, false)
  }
  assert.equal(hearsay.heeds(peer), false)
  await clock.runFor(FALSE_NAMES_WINDOW_MS)
  assert.equal(hearsay.heeds(peer), true)
})

/** Each made-up node listens at eight places of a third party. */
function answerContacts(stranger: Stranger): void {
  const endpoints = Array.from({ length: 8 }, (_, i) => endpointOf(toAddress(0xdead0000n + BigInt(i))))
  stranger.onHeard = (frame) => {
    if (frame.kind === 'ping') stranger.send({ kind: 'pong', seen: 0 })
    if (frame.kind !== 'request') return
    const request = decode(ringRequestCodec, frame.body)
    if (request.kind !== 'contact') return
    const body = encode(ringAnswerCodec, { contacts: [{ address: request.of, endpoints }] })
    stranger.send({ kind: 'answer', id: frame.id, from: stranger.address, hops: 1, body })
  }
}
