import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BEAT_MS, Vigil } from '../../agent/core/vigil.ts'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import {
  LINK_ANSWERS_WITHIN_MS,
  NEIGHBOR_ANSWERS_WITHIN_MS,
  NEIGHBOR_DEAD_AFTER_MS,
  PING_LINK_MS,
  SUSPECT_DEAD_AFTER_MS,
} from '../../agent/overlay/constants.ts'
import { Liveness } from '../../agent/overlay/liveness.ts'
import { hear, measure, type Peer, Peers } from '../../agent/overlay/peers.ts'
import { NodeClock } from '../../sim/node-clock.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

const NEIGHBOR = toAddress(1n)
const SPARE = toAddress(2n)

/** A node with a neighbour and a spare behind it; those in `answering` answer every ping at once. */
function setUp(self = toAddress(0n)) {
  const world = new VirtualClock()
  const clock = new NodeClock(world)
  const peers = new Peers(self, clock)
  for (const address of [NEIGHBOR, SPARE]) peers.add(linkTo(address))
  const answering = new Set<Address>([NEIGHBOR, SPARE])
  const died: { address: Address; at: number }[] = []
  const pinged: Address[] = []
  const liveness = new Liveness({
    self,
    peers,
    clock,
    isNeighbor: (address) => address === (peers.has(NEIGHBOR) ? NEIGHBOR : SPARE),
    ping: (peer: Peer) => {
      pinged.push(peer.address)
      if (!answering.has(peer.address)) return
      measure(peer, clock.now())
      hear(peer, clock.now())
    },
    dead: ({ address, link }) => {
      died.push({ address, at: clock.now() })
      peers.remove(link)
    },
  })
  const vigil = new Vigil(clock)
  vigil.onBeat(() => liveness.check())
  vigil.start()
  liveness.start()
  return { clock: world, process: clock, peers, answering, died, pinged, liveness }
}

describe('liveness', () => {
  test('a neighbour that answers lives, one that is silent is dead in about two seconds', async () => {
    const { clock, answering, died } = setUp()
    await clock.runFor(60_000)
    assert.deepEqual(died, [])
    answering.delete(NEIGHBOR)
    await clock.runFor(NEIGHBOR_DEAD_AFTER_MS + 2 * BEAT_MS)
    assert.deepEqual(
      died.map(({ address }) => address),
      [NEIGHBOR],
    )
  })

  test('the neighbour with the smaller address asks, and the other one in time to find it dead as soon', async () => {
    const [first, second] = [setUp(), setUp(toAddress(9n))]
    for (const { clock, answering } of [first, second]) {
      await clock.runFor(60_000)
      answering.delete(NEIGHBOR)
    }
    const asked = ({ pinged }: typeof first) => pinged.filter((address) => address === NEIGHBOR).length
    assert.ok(asked(second) < 0.8 * asked(first))
    for (const { clock, died } of [first, second]) {
      await clock.runFor(NEIGHBOR_DEAD_AFTER_MS + 2 * BEAT_MS)
      assert.equal(died.length, 1)
    }
  })

  test('a spare that becomes the neighbour is asked first, however long it has been silent', async () => {
    const { clock, answering, died, pinged } = setUp()
    answering.delete(NEIGHBOR)
    await clock.runFor(NEIGHBOR_DEAD_AFTER_MS + 2 * BEAT_MS)
    assert.equal(pinged.at(-1), SPARE, 'in the same look in which the neighbour was found dead')
    await clock.runFor(60_000)
    assert.equal(died.length, 1)
  })

  test('a spare that became the neighbour and is dead too gets time for one answer, no more', async () => {
    const { clock, answering, died } = setUp()
    answering.clear()
    await clock.runFor(10_000)
    const [first, second] = died
    assert.deepEqual([first?.address, second?.address], [NEIGHBOR, SPARE])
    const between = second!.at - first!.at
    assert.ok(between >= NEIGHBOR_ANSWERS_WITHIN_MS && between < NEIGHBOR_ANSWERS_WITHIN_MS + 2 * BEAT_MS)
  })

  test('a spare that stays one is looked after lazily, and soon when an answer over its link did not come', async () => {
    const lazy = setUp()
    lazy.answering.delete(SPARE)
    await lazy.clock.runFor(PING_LINK_MS + LINK_ANSWERS_WITHIN_MS - 1_000)
    assert.equal(lazy.died.length, 0)
    await lazy.clock.runFor(2_000)
    assert.deepEqual(
      lazy.died.map(({ address }) => address),
      [SPARE],
    )
    const suspected = setUp()
    suspected.answering.delete(SPARE)
    suspected.liveness.suspect(SPARE)
    await suspected.clock.runFor(SUSPECT_DEAD_AFTER_MS + 2 * BEAT_MS)
    assert.deepEqual(
      suspected.died.map(({ address }) => address),
      [SPARE],
    )
  })

  test('a link that may be silent for longer is asked more rarely, and one that forgets sooner more often', async () => {
    for (const [quietMs, asked] of [
      [60_000, 10],
      [7_500, 76],
    ] as const) {
      const { clock, peers, pinged, died } = setUp()
      Object.assign(peers.get(SPARE)!.link, { quietMs })
      await clock.runFor(600_000)
      const count = pinged.filter((address) => address === SPARE).length
      assert.ok(Math.abs(count - asked) <= 2, `${count} times`)
      assert.deepEqual(died, [])
    }
  })

  test('a process that stood still asks its peers, and takes none for dead because it heard nothing meanwhile', async () => {
    const { clock, process, died, pinged } = setUp()
    await clock.runFor(20_000)
    process.hold('stall')
    await clock.runFor(PING_LINK_MS + LINK_ANSWERS_WITHIN_MS + 20_000)
    const before = pinged.length
    process.resume()
    await clock.runFor(20_000)
    assert.deepEqual(died, [])
    assert.ok(pinged.slice(before).includes(SPARE) && pinged.slice(before).includes(NEIGHBOR))
  })

  test('a peer across an ocean whose answer did not come has the time of two of its round trips', async () => {
    const { clock, peers, answering, died, liveness } = setUp()
    answering.delete(SPARE)
    const spare = peers.get(SPARE)!
    for (let i = 0; i < 50; i++) spare.roundTrip.observe(3_000)
    liveness.suspect(SPARE)
    await clock.runFor(6_000)
    assert.deepEqual(died, [])
    await clock.runFor(1_000 + 2 * BEAT_MS)
    assert.deepEqual(
      died.map(({ address }) => address),
      [SPARE],
    )
  })
})

test('a pong is measured when it answers the only ping in flight, and not when it may answer an earlier one', async () => {
  const clock = new VirtualClock()
  const peers = new Peers(toAddress(0n), clock)
  const peer = peers.add(linkTo(NEIGHBOR))!
  const pongAfter = async (ms: number) => {
    await clock.runFor(ms)
    measure(peer, clock.now())
    return peer.roundTrip.timeoutMs
  }
  peer.askedAt = peer.pingedAt = clock.now()
  assert.equal(await pongAfter(600), 600 + 4 * 300)
  peer.askedAt = clock.now()
  await clock.runFor(700)
  peer.pingedAt = clock.now()
  assert.equal(await pongAfter(1), 600 + 4 * 300)
})
