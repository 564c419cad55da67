import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EMPTY } from '../../agent/core/bytes.ts'
import { addressFromBytes, isCloser } from '../../agent/overlay/address.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { endpointOf } from '../../sim/sim-link.ts'
import { type SimNode, SimRing } from '../../sim/sim-ring.ts'

async function ringOf(size: number, seed: number): Promise<SimRing> {
  const sim = new SimRing(seed)
  for (let i = 0; i < size; i++) {
    sim.join()
    await sim.clock.runFor(100)
  }
  await becomesWhole(sim, 10_000)
  return sim
}

async function becomesWhole(sim: SimRing, limitMs: number): Promise<void> {
  const whole = await sim.clock.runUntilTrue(() => sim.isWhole(), limitMs)
  assert.ok(
    whole,
    `${sim.brokenNodes().length} of ${sim.nodes.size} nodes are not correctly connected after ${limitMs} ms`,
  )
}

/** A ring of ten in a world that may have others. */
async function tenNodes(sim: SimRing): Promise<SimNode[]> {
  const nodes: SimNode[] = []
  for (let i = 0; i < 10; i++) {
    nodes.push(sim.join(nodes.slice(0, 1).map(({ address }) => address)))
    await sim.clock.runFor(200)
  }
  return nodes
}

describe('ring in virtual time', () => {
  test('a lone node is a ring of one', async () => {
    const sim = new SimRing(1)
    const node = sim.join()
    await sim.clock.runFor(10)
    assert.ok(node.ring.correctlyConnected && node.ring.alone)
  })

  test('100 nodes that join one after another form one ring', async () => {
    await ringOf(100, 2)
  })

  test('100 nodes that join at the same moment through one node form one ring', async () => {
    const sim = new SimRing(3)
    const first = sim.join()
    for (let i = 1; i < 100; i++) sim.join([first.address])
    await becomesWhole(sim, 15_000)
  })

  test('the ring closes again when a tenth of 100 nodes lose their power at once', async () => {
    const sim = await ringOf(100, 4)
    for (let i = 0; i < 10; i++) sim.powerOff(sim.anyNode()!)
    await becomesWhole(sim, 10_000)
  })

  test('the ring stays one while nodes come, leave and crash, and is whole soon after', async () => {
    const sim = await ringOf(50, 5)
    for (let i = 0; i < 50; i++) {
      const node = sim.anyNode()!
      if (i % 3 === 0) sim.powerOff(node)
      else if (i % 3 === 1) sim.kill(node)
      else await sim.leave(node)
      sim.join()
      await sim.clock.runFor(300)
    }
    await becomesWhole(sim, 10_000)
  })

  test('a ring forms also when one frame in ten is lost', async () => {
    const sim = new SimRing(6)
    sim.network.weather.loss = 0.1
    for (let i = 0; i < 30; i++) {
      sim.join()
      await sim.clock.runFor(200)
    }
    await becomesWhole(sim, 60_000)
  })

  test('neighbours that cannot reach each other are linked through a node between them', async () => {
    const sim = await ringOf(20, 7)
    const blocked = sim.anyNode()!
    const wall = sim.trueSide(blocked.address, 'right')
    sim.network.canTalk = (a, b) => !((a === blocked.address && b === wall) || (b === blocked.address && a === wall))
    assert.ok(await sim.clock.runUntilTrue(() => !sim.isWhole(), 10_000), 'the gap is noticed')
    await becomesWhole(sim, 10_000)
    const link = blocked.ring.status().links.find(({ peer }) => peer === wall)
    assert.equal(link?.relayed, true)
  })

  test('a request reaches the node closest to its target, in few hops', async () => {
    const sim = await ringOf(100, 8)
    await sim.clock.runFor(60_000)
    const hops: number[] = []
    for (let i = 0; i < 200; i++) {
      const target = addressFromBytes(sim.random.bytes(20))
      let root = sim.anyNode()!.address
      for (const address of sim.nodes.keys()) if (isCloser(target, address, root)) root = address
      sim.nodes.get(root)!.ring.serve(SERVICES.tunnel, () => EMPTY)
      const answer = await sim.clock.complete(sim.anyNode()!.ring.request(SERVICES.tunnel, target, EMPTY))
      assert.equal(answer.from, root)
      hops.push(answer.hops)
    }
    const mean = hops.reduce((a, b) => a + b) / hops.length
    assert.ok(mean <= 0.5 * Math.log2(100) + 1, `mean ${mean} hops`)
  })

  test('an exact request to an address that nobody has ends with no-route, not with silence', async () => {
    const sim = await ringOf(20, 9)
    const target = addressFromBytes(sim.random.bytes(20))
    const request = sim.anyNode()!.ring.request(SERVICES.ring, target, EMPTY, { delivery: 'exact' })
    await assert.rejects(sim.clock.complete(request), { failure: 'no-route' })
  })

  test('a request whose next hop dies ends with no-answer', async () => {
    const sim = await ringOf(3, 10)
    const [asker, other] = [...sim.nodes.values()]
    const request = asker!.ring.request(SERVICES.ring, other!.address, EMPTY, { delivery: 'exact', timeoutMs: 60_000 })
    sim.kill(other!)
    await assert.rejects(sim.clock.complete(request, 5_000), { failure: 'no-answer' })
  })

  test('an on-demand link is made when wanted and given up when idle', async () => {
    const sim = await ringOf(50, 11)
    await sim.clock.runFor(60_000)
    const node = sim.anyNode()!
    const linked = new Set(node.ring.status().links.map(({ peer }) => peer))
    const stranger = [...sim.nodes.keys()].find((address) => address !== node.address && !linked.has(address))!
    await sim.clock.complete(node.ring.connect(stranger))
    const isLinked = () => node.ring.status().links.some(({ peer }) => peer === stranger)
    assert.equal(isLinked(), true)
    // Later the two may link again for other reasons.
    assert.ok(await sim.clock.runUntilTrue(() => !isLinked(), 5 * 60_000, 1_000))
  })

  test('the same seed gives the same run', async () => {
    const run = async () => {
      const sim = await ringOf(20, 12)
      return { frames: sim.network.frames, bytes: sim.network.bytes, events: sim.clock.ran, at: sim.clock.now() }
    }
    assert.deepEqual(await run(), await run())
  })
})

describe('two rings that both believe they are whole', () => {
  test('become one when a node of one knows where a node of the other listens', async () => {
    const sim = new SimRing(13)
    const gate = sim.join([])
    for (let i = 1; i < 20; i++) sim.join([gate.address])
    const first = new Set(sim.nodes.keys())
    sim.network.canTalk = (a, b) => first.has(a) === first.has(b)
    const other = sim.join([])
    for (let i = 1; i < 20; i++) sim.join([gate.address, other.address])
    await sim.clock.runFor(20_000)
    assert.ok(
      [...sim.nodes.values()].every(({ ring }) => ring.correctlyConnected),
      'each of the two is whole by itself',
    )
    sim.network.canTalk = () => true
    await becomesWhole(sim, 4 * 60_000)
  })

  // With these seeds neither of the two nodes belongs beside the other.
  for (const seed of [10, 28, 39]) {
    test(`become one when a node is given an address of the other ring long after it joined (seed ${seed})`, async () => {
      const sim = new SimRing(seed)
      const first = await tenNodes(sim)
      const second = await tenNodes(sim)
      await sim.clock.runFor(30_000)
      const from = first[sim.random.below(10)]!
      void from.ring.bootstrap([endpointOf(second[sim.random.below(10)]!.address)])
      await becomesWhole(sim, 5_000)
    })
  }

  test('find each other again after half an hour apart', async () => {
    const sim = await ringOf(20, 14)
    const half = new Map([...sim.nodes.keys()].map((address) => [address, sim.random.below(2)]))
    sim.network.canTalk = (a, b) => half.get(a) === half.get(b)
    await sim.clock.runFor(30 * 60_000)
    sim.network.canTalk = () => true
    await becomesWhole(sim, 4 * 60_000)
  })
})
