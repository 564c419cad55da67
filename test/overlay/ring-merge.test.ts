import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Address, addressFromBytes, toAddress } from '../../agent/overlay/address.ts'
import { RENDEZVOUS_KEPT } from '../../agent/overlay/constants.ts'
import type { Contact, Link, LinkLayer } from '../../agent/overlay/link.ts'
import { Ring } from '../../agent/overlay/ring.ts'
import { RingMerge } from '../../agent/overlay/ring-merge.ts'
import { NodeClock } from '../../sim/node-clock.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { endpointOf } from '../../sim/sim-link.ts'
import { SimRing } from '../../sim/sim-ring.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { Stranger } from '../fuzz/stranger.ts'
import { linkTo } from './link-to.ts'

/** Everything that was dialled; nobody answers, or `answering` does. */
function dialling(size: number, answering?: Address, inRing = answering) {
  const clock = new VirtualClock()
  const dialled: string[] = []
  const dialEndpoint = async (endpoint: string): Promise<Link> => {
    dialled.push(endpoint)
    if (answering === undefined) throw new Error('nobody there')
    return linkTo(answering)
  }
  const dial = ({ endpoints }: Contact) => dialEndpoint(endpoints[0]!)
  const links = { self: toAddress(1n), dialEndpoint, dial } as unknown as LinkLayer
  const merge = new RingMerge({
    ...{ links, clock, random: new SeededRandom(1), size: () => size },
    isLinked: () => false,
    isInRing: (peer) => peer === inRing,
    adopt: () => {},
    lookUp: () => {},
  })
  return { clock, merge, dialled }
}

const stranger = (i: number): Contact => ({ address: toAddress(BigInt(i + 2)), endpoints: [`stranger ${i}`] })

describe('a node that looks for another ring', () => {
  test('keeps to the addresses that it was given, however many others were named since', async () => {
    const { clock, merge, dialled } = dialling(10)
    merge.give(['given'])
    for (let i = 0; i < 1_000; i++) merge.remember(stranger(i))
    merge.start()
    await clock.runFor(60_000)
    assert.ok(dialled.includes('given'))
    merge.stop()
  })

  test('dials every address that it was given before it dials one again', async () => {
    const { clock, merge, dialled } = dialling(10)
    const given = Array.from({ length: 8 }, (_, i) => `given ${i}`)
    merge.give(given)
    merge.start()
    assert.ok(await clock.runUntilTrue(() => dialled.length >= 2 * given.length, 900_000))
    for (const round of [dialled.slice(0, 8), dialled.slice(8, 16)]) assert.deepEqual([...round].sort(), given)
    merge.stop()
  })

  test('dials an address that led to a node of its own ring ten minutes later again, and no address that such a node names', async () => {
    const friend = stranger(1)
    const { clock, merge, dialled } = dialling(10, friend.address)
    merge.give(['given'])
    merge.remember(friend)
    merge.start()
    await clock.runFor(500_000)
    assert.deepEqual(dialled, ['given'])
    await clock.runFor(200_000)
    assert.deepEqual(dialled, ['given', 'given'])
    merge.stop()
  })

  test('leaves an address alone that it was not given, for ten minutes after somebody answered there', async () => {
    const { clock, merge, dialled } = dialling(10, toAddress(99n), toAddress(7n))
    merge.remember(stranger(1))
    merge.start()
    await clock.runFor(500_000)
    assert.equal(dialled.length, 1)
    await clock.runFor(200_000)
    assert.equal(dialled.length, 2)
    merge.stop()
  })

  test('goes on dialling an address that it was given, though a node of its own ring claims to be there', async () => {
    const claimant = toAddress(7n)
    const { clock, merge, dialled } = dialling(10, undefined, claimant)
    merge.give(['given'])
    merge.remember({ address: claimant, endpoints: ['given'] })
    merge.start()
    await clock.runFor(120_000)
    assert.ok(dialled.length >= 4, `dialled ${dialled.length} times`)
    merge.stop()
  })

  test('remembers few of the addresses that strangers name, the latest ones', async () => {
    const { clock, merge, dialled } = dialling(10)
    for (let i = 0; i < 1_000; i++) merge.remember(stranger(i))
    merge.start()
    await clock.runFor(2 * 86_400_000)
    const latest = Array.from({ length: RENDEZVOUS_KEPT }, (_, i) => `stranger ${1_000 - RENDEZVOUS_KEPT + i}`)
    assert.deepEqual([...new Set(dialled)].sort(), latest.sort())
    merge.stop()
  })

  test('goes on looking in a ring that seems to have endless nodes, and does not dial without a pause', async () => {
    const { clock, merge, dialled } = dialling(1e30)
    merge.give(['given'])
    merge.start()
    await clock.runFor(60_000)
    assert.equal(dialled.length, 0)
    await clock.runFor(3 * 86_400_000)
    assert.ok(dialled.length >= 1 && dialled.length <= 6)
    merge.stop()
  })
})

describe('two rings, one of which was given an address in the other', () => {
  test('meet within a minute, also when strangers came and went before', async () => {
    const sim = new SimRing(5)
    const first = sim.join([])
    await sim.clock.runFor(500)
    const absent = sim.join([])
    sim.powerOff(absent)
    for (let i = 0; i < 9; i++) {
      sim.join([first.address, absent.address])
      await sim.clock.runFor(200)
    }
    assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), 20_000))
    for (const { address } of [...sim.nodes.values()]) await annoy(sim, address, 70)
    // The bootstrap node of all but the first comes back, at its place, as a ring of its own.
    const links = sim.network.host(absent.address)
    const fault = (error: unknown) => {
      throw error
    }
    const ring = new Ring({ links, clock: new NodeClock(sim.clock), random: sim.random.fork(), onFault: fault })
    ring.start()
    void ring.bootstrap([])
    assert.ok(await sim.clock.runUntilTrue(() => ring.status().links.length > 0, 60_000, 1_000))
  })

  test('become one when neither of the two nodes that meet has its place beside a node of the other ring', async () => {
    const sim = new SimRing(7)
    const places = (from: number) => Array.from({ length: 8 }, (_, i) => toAddress(BigInt(from + i) << 152n))
    const [here, there] = [places(0x10), places(0x90)]
    const [inside, gate] = [here[4]!, there[4]!]
    sim.network.canTalk = (a, b) => here.includes(a) === here.includes(b)
    for (const address of there) sim.join(address === there[0] ? [] : [there[0]!], { address })
    for (const address of here) {
      const first = address === here[0] ? [] : [here[0]!]
      sim.join(address === inside ? [...first, gate] : first, { address })
      await sim.clock.runFor(200)
    }
    await sim.clock.runFor(20_000)
    sim.network.canTalk = () => true
    assert.ok(await sim.clock.runUntilTrue(() => sim.isWhole(), 120_000))
  })
})

async function annoy(sim: SimRing, victim: Address, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const stranger = await Stranger.at(sim, victim)
    stranger.send({ kind: 'hello', endpoints: [endpointOf(addressFromBytes(sim.random.bytes(20)))] })
    await sim.clock.runFor(100)
    stranger.close()
  }
}
