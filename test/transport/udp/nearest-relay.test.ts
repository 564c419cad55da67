import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Link } from '../../../agent/overlay/link.ts'
import { RELAY_FIRST_REVIEW_MS, RELAY_REVIEW_MS } from '../../../agent/transport/constants.ts'
import type { UdpLink } from '../../../agent/transport/udp/link.ts'
import type { UdpLinks } from '../../../agent/transport/udp/links.ts'
import { SimHost } from '../../../sim/datagram-host.ts'
import { SYMMETRIC_NAT } from '../../../sim/datagram-nat.ts'
import { arriving, contactOf, pattern, Recorder } from '../link-layer.suite.ts'
import { VirtualUdp } from './worlds.ts'

const REVIEW_MS = 20_000

describe('a link through one of several nodes that are linked to both ends', () => {
  let world: VirtualUdp
  /** One way to and from each relay, ms. */
  let delayMs: Map<SimHost, number>
  let hosts: SimHost[]
  let relays: UdpLinks[]
  let one: UdpLinks
  let two: UdpLinks
  let near: UdpLink
  let far: Recorder

  beforeEach(async () => {
    world = new VirtualUdp()
    delayMs = new Map()
    world.network.weatherBetween = (from, to) => {
      const ms = delayMs.get(from) ?? (to instanceof SimHost ? delayMs.get(to) : undefined) ?? 20
      return { ...world.network.weather, minDelayMs: ms, maxDelayMs: ms }
    }
    hosts = Array.from({ length: 3 }, () => world.network.host())
    relays = await Promise.all(hosts.map((host) => world.node(host)))
    one = await world.node(world.network.host(world.network.nat(SYMMETRIC_NAT)))
    two = await world.node(world.network.host(world.network.nat(SYMMETRIC_NAT)))
    for (const node of [one, two]) for (const relay of relays) await world.run(node.dial(contactOf(relay)))
    await world.clock.runFor(1_000)
    const atTwo: Link[] = arriving(two)
    near = (await world.run(one.dialThrough(relays[0]!.self, contactOf(two)))) as UdpLink
    await world.until(() => atTwo.length === 1)
    far = new Recorder(atTwo[0]!)
    near.send(pattern(10, 0), 'bulk')
    await world.until(() => far.frames.length === 1)
    far.frames.length = 0
  })

  const relayOf = (link: Link) => relays.findIndex(({ self }) => self === (link as UdpLink).relay)
  const ends = () => [relayOf(near), relayOf(far.link)]

  test('moves to the one over which the round trip is shortest, at both ends, and loses nothing', async () => {
    delayMs.set(hosts[1]!, 15).set(hosts[2]!, 5)
    const sent: Uint8Array[] = []
    for (let i = 0; i < 100; i++) {
      sent.push(pattern(100, i))
      near.send(sent.at(-1)!)
      await world.clock.runFor((RELAY_FIRST_REVIEW_MS + REVIEW_MS) / 100)
    }
    assert.deepEqual(ends(), [2, 2])
    await world.until(() => far.frames.length === sent.length)
    assert.deepEqual(far.frames, sent)
  })

  test('stays where it is while the others are no better by much', async () => {
    delayMs.set(hosts[1]!, 19).set(hosts[2]!, 30)
    await world.clock.runFor(RELAY_FIRST_REVIEW_MS + REVIEW_MS)
    assert.deepEqual(ends(), [0, 0])
  })

  test('moves later when another one becomes better', async () => {
    await world.clock.runFor(RELAY_FIRST_REVIEW_MS + REVIEW_MS)
    assert.deepEqual(ends(), [0, 0])
    delayMs.set(hosts[0]!, 150)
    await world.clock.runFor(RELAY_REVIEW_MS + REVIEW_MS)
    assert.notEqual(relayOf(near), 0)
    assert.equal(relayOf(far.link), relayOf(near))
  })

  test('leaves one over which no answer comes in time', async () => {
    delayMs.set(hosts[0]!, 400)
    await world.clock.runFor(RELAY_FIRST_REVIEW_MS + REVIEW_MS)
    assert.notEqual(relayOf(near), 0)
    assert.equal(relayOf(far.link), relayOf(near))
  })

  test('is at one relay at both ends in the end, whatever gets lost when it moves', async () => {
    delayMs.set(hosts[1]!, 5)
    let [changes, lossySteps] = [0, 0]
    let before = ends()
    for (let step = 0; step < 1_500; step++) {
      // For a second after one end moved for the first time nothing gets through.
      world.network.weather.loss = lossySteps > 0 ? 1 : 0
      lossySteps--
      if (step % 50 === 0) far.link.send(pattern(10, step))
      if (step % 50 === 25) near.send(pattern(10, step))
      await world.clock.runFor(100)
      if (ends().join() === before.join()) continue
      before = ends()
      if (++changes === 1) lossySteps = 10
    }
    assert.deepEqual(ends(), [1, 1])
    assert.ok(changes < 8, `${changes} changes`)
  })

  test('leaves out a node that is not linked to the peer', async () => {
    const host = world.network.host()
    delayMs.set(host, 1)
    const stranger = await world.node(host)
    await world.run(one.dial(contactOf(stranger)))
    await world.clock.runFor(RELAY_FIRST_REVIEW_MS + REVIEW_MS)
    assert.equal(relayOf(far.link), relayOf(near))
    assert.notEqual(relayOf(near), -1)
  })
})
