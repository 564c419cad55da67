/** Rings whose links are the agent's own over UDP. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Address } from '../../agent/overlay/address.ts'
import { CARRIER_GRADE_NAT, HOME_NAT, SYMMETRIC_NAT } from '../../sim/datagram-nat.ts'
import { UdpRing } from '../../sim/udp-ring.ts'

async function ringOf(size: number, seed: number): Promise<UdpRing> {
  const sim = new UdpRing(seed)
  const first = await sim.join([])
  for (let i = 1; i < size; i++) await sim.join([first])
  await becomesWhole(sim, 15_000)
  return sim
}

async function becomesWhole(sim: UdpRing, limitMs: number): Promise<void> {
  assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), limitMs), `not whole after ${limitMs} ms`)
}

describe('a ring over UDP', () => {
  test('forms of 16 nodes that join at the same moment, and stays whole', async () => {
    const sim = await ringOf(16, 1)
    for (let i = 0; i < 60; i++) {
      await sim.clock.runFor(1_000)
      assert.ok(sim.isWhole(), `broken ${i + 1} s later`)
    }
  })

  test('forms of nodes behind NATs of every kind, and stays whole', async () => {
    const sim = new UdpRing(3)
    const first = await sim.join([])
    for (let i = 1; i < 4; i++) await sim.join([first])
    for (let i = 0; i < 12; i++) {
      const nat = sim.network.nat(i % 3 === 0 ? SYMMETRIC_NAT : i % 3 === 1 ? HOME_NAT : CARRIER_GRADE_NAT)
      await sim.join([first], nat)
    }
    await becomesWhole(sim, 30_000)
    for (let i = 0; i < 300; i++) {
      await sim.clock.runFor(1_000)
      assert.ok(sim.isWhole(), `broken ${i + 1} s later`)
    }
  })

  test('keeps the link that a repeated dial brings', async () => {
    const sim = await ringOf(2, 2)
    const [a, b] = [...sim.nodes.values()]
    const lost: Address[] = []
    for (const { ring } of sim.nodes.values()) ring.onUnlinked((peer) => lost.push(peer))
    void a!.ring.bootstrap(b!.links.endpoints())
    await sim.clock.runFor(5_000)
    assert.deepEqual(lost, [])
  })
})
