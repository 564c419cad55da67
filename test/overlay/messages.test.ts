import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { encode } from '../../agent/core/codec.ts'
import type { Address } from '../../agent/overlay/address.ts'
import { frameCodec } from '../../agent/overlay/messages.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { endpointOf } from '../../sim/sim-link.ts'
import { SimRing } from '../../sim/sim-ring.ts'

/** A ring of three, and a stranger who sends whatever he likes on a link to one of them. */
async function ringWithStranger(seed: number) {
  const sim = new SimRing(seed)
  for (let i = 0; i < 3; i++) sim.join()
  assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), 30_000))
  const stranger = sim.network.host(12_345n as Address)
  const [victim] = sim.nodes.keys()
  const link = await sim.clock.complete(stranger.dialEndpoint(endpointOf(victim!)))
  return { sim, link }
}

describe('a frame from a stranger', () => {
  test('that is noise is dropped, and the ring stays whole', async () => {
    const { sim, link } = await ringWithStranger(1)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 50, maxLength: 50 }),
        async (frames) => {
          for (const frame of frames) link.send(frame)
          await sim.clock.runFor(100)
          assert.ok(sim.isWhole())
        },
      ),
      { numRuns: 100, seed: 1 },
    )
  })

  test('that is well-formed apart from one flipped byte is answered or dropped, and the ring stays whole', async () => {
    const { sim, link } = await ringWithStranger(2)
    const near = { epoch: 1, serial: 1, left: [], right: [] }
    const good = [
      encode(frameCodec, { kind: 'hello', endpoints: ['sim:00'] }),
      encode(frameCodec, { kind: 'status', wanted: true, joined: false, ...near }),
      encode(frameCodec, { kind: 'datagram', body: new Uint8Array(40) }),
      encode(frameCodec, {
        kind: 'request',
        id: 1,
        source: 1n as Address,
        target: 2n as Address,
        delivery: 'closest',
        service: 1,
        hops: 0,
        patienceMs: 500,
        body: new Uint8Array(30),
      }),
    ]
    const flip = fc.record({
      frame: fc.constantFrom(...good),
      at: fc.nat(),
      to: fc.integer({ min: 0, max: 255 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { minLength: 50, maxLength: 50 }), async (flips) => {
        for (const { frame, at, to } of flips) {
          const broken = frame.slice()
          broken[at % broken.length] = to
          link.send(broken)
        }
        await sim.clock.runFor(100)
        assert.ok([...sim.nodes.values()].every(({ ring }) => ring.neighbor('left') !== undefined))
      }),
      { numRuns: 100, seed: 2 },
    )
    link.close()
    assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), 30_000), 'whole again once the stranger is gone')
  })
})

test('an answer that makes no sense counts as none, whatever was asked', async () => {
  const sim = new SimRing(3)
  for (let i = 0; i < 12; i++) {
    const { ring } = sim.join()
    await sim.clock.runFor(100)
    if (i >= 6) ring.serve(SERVICES.ring, () => Uint8Array.of(255))
  }
  await sim.clock.runFor(60_000)
  // An unhandled rejection would have ended the process by now.
  await new Promise(setImmediate)
  assert.ok([...sim.nodes.values()].every(({ ring }) => ring.neighbor('left') !== undefined))
})
