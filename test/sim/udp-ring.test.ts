/** Rings whose links are the agent's own over UDP. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Address } from '../../agent/overlay/address.ts'
import { ASSUMED_SILENCE_MS } from '../../agent/underlay/constants.ts'
import type { SimNat } from '../../sim/datagram-host.ts'
import { CARRIER_GRADE_NAT, HOME_NAT, type NatBehavior, SYMMETRIC_NAT } from '../../sim/datagram-nat.ts'
import { type UdpRing, udpRing } from '../../sim/udp-ring.ts'

async function ringOf(size: number, seed: number): Promise<UdpRing> {
  const sim = udpRing(seed)
  const first = sim.join([])
  for (let i = 1; i < size; i++) sim.join([first.address])
  await becomesWhole(sim, 15_000)
  return sim
}

async function becomesWhole(sim: UdpRing, limitMs: number): Promise<void> {
  assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), limitMs), `not whole after ${limitMs} ms`)
}

/** Four nodes on the Internet, and four behind NATs of each kind. */
async function ringBehindNats(seed: number) {
  const sim = udpRing(seed)
  const first = sim.join([])
  const open = [first]
  for (let i = 1; i < 4; i++) open.push(sim.join([first.address]))
  const behind = new Map<Address, NatBehavior>()
  const nats: SimNat[] = []
  for (let i = 0; i < 12; i++) {
    const behavior = [SYMMETRIC_NAT, HOME_NAT, CARRIER_GRADE_NAT][i % 3]!
    const nat = sim.network.datagrams.nat(behavior)
    nats.push(nat)
    behind.set(sim.join([first.address], { behind: nat }).address, behavior)
  }
  await becomesWhole(sim, 30_000)
  return { sim, open, behind, nats }
}

describe('a ring over UDP', () => {
  test('forms of 16 nodes that join at the same moment, and stays whole', async () => {
    const sim = await ringOf(16, 1)
    for (let i = 0; i < 60; i++) {
      await sim.clock.runFor(1_000)
      assert.ok(sim.isWhole(), `broken ${i + 1} s later`)
    }
  })

  test('of 6 or 12 nodes costs each of them a good deal less than half a kilobyte a second when nothing happens', async () => {
    for (const [size, limit] of [
      [6, 320],
      [12, 400],
    ] as const) {
      const sim = await ringOf(size, 2)
      await sim.clock.runFor(600_000)
      const sent = () =>
        sim.network.datagrams.counters.get('sent-bytes') + 28 * sim.network.datagrams.counters.get('sent')
      const before = sent()
      await sim.clock.runFor(300_000)
      const each = (sent() - before) / 300 / size
      assert.ok(each < limit, `${each.toFixed(0)} B/s in a ring of ${size}`)
    }
  })

  test('has both ends of each link between neighbours measure the round trip', async () => {
    const sim = await ringOf(8, 3)
    await sim.clock.runFor(30_000)
    for (const { ring } of sim.nodes.values()) {
      const { left, right, links } = ring.status()
      for (const { peer, rttMs } of links)
        if (peer === left || peer === right) assert.ok((rttMs ?? 0) > 5, `${rttMs} ms`)
    }
  })

  test('lets links be silent for as long as the NAT before a node allows, and stays whole', async () => {
    const { sim, behind } = await ringBehindNats(6)
    for (let i = 0; i < 20; i++) {
      await sim.clock.runFor(60_000)
      assert.ok(sim.isWhole(), `broken ${i + 1} min later`)
    }
    let measured = 0
    for (const address of sim.nodes.keys()) {
      const silence = sim.network.silenceOf(address)!
      assert.ok(silence.allowedMs < (behind.get(address)?.timeoutMs ?? Number.POSITIVE_INFINITY))
      if (silence.isProven) {
        measured++
        assert.ok(silence.allowedMs >= 40_000)
      } else {
        // Where links to nodes that others can dial come and go, nothing is measured.
        assert.equal(silence.allowedMs, ASSUMED_SILENCE_MS)
      }
    }
    assert.ok(measured >= 15, `${measured} nodes`)
  })

  test('forms of nodes behind NATs of every kind, and stays whole', async () => {
    const { sim } = await ringBehindNats(3)
    for (let i = 0; i < 300; i++) {
      await sim.clock.runFor(1_000)
      assert.ok(sim.isWhole(), `broken ${i + 1} s later`)
    }
  })

  test('links all pairs directly whose NATs can be punched, within 5 s', async () => {
    const { sim, behind } = await ringBehindNats(4)
    await sim.clock.runFor(5_000)
    let direct = 0
    for (const { address, ring } of sim.nodes.values()) {
      for (const { peer, relayed } of ring.status().links) {
        const kinds = [behind.get(address), behind.get(peer)]
        const isPunchable =
          !kinds.includes(SYMMETRIC_NAT) || kinds.includes(CARRIER_GRADE_NAT) || kinds.includes(undefined)
        if (isPunchable) assert.equal(relayed, false)
        if (!relayed && !kinds.includes(undefined)) direct++
      }
    }
    assert.ok(direct > 10)
  })

  test('is whole again after the nodes that carried links are gone', async () => {
    const { sim, open } = await ringBehindNats(5)
    await sim.clock.runFor(10_000)
    for (const node of open.slice(0, 2)) sim.powerOff(node)
    await becomesWhole(sim, 30_000)
    await sim.clock.runFor(60_000)
    assert.ok(sim.isWhole())
  })

  test('stays whole when every router reboots in mid-flow', async () => {
    const { sim, nats } = await ringBehindNats(6)
    await sim.clock.runFor(10_000)
    for (const nat of nats) nat.rebind()
    await sim.clock.runFor(20_000)
    await becomesWhole(sim, 20_000)
    await sim.clock.runFor(60_000)
    assert.ok(sim.isWhole())
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
