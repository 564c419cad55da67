/** What UDP links do beyond the promises of every link layer. */

import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { type Decoded, encode } from '../../../agent/core/codec.ts'
import type { Link } from '../../../agent/overlay/link.ts'
import { OPEN_LIMIT_MS } from '../../../agent/transport/constants.ts'
import { readEndpoint, udpEndpointOf } from '../../../agent/transport/endpoints.ts'
import { LinkError } from '../../../agent/transport/errors.ts'
import type { UdpLinks } from '../../../agent/transport/udp/links.ts'
import { wordCodec } from '../../../agent/transport/udp/words.ts'
import { ReliableStream } from '../../../agent/underlay/reliable-stream.ts'
import { udpEndpoint } from '../../../agent/underlay/udp-endpoint.ts'
import { HOME_NAT, SYMMETRIC_NAT } from '../../../sim/datagram-nat.ts'
import { SeededRandom } from '../../../sim/seeded-random.ts'
import { arriving, contactOf, pattern, Recorder } from '../link-layer.suite.ts'
import { VirtualUdp } from './worlds.ts'

const failsWith = (failure: string) => (error: unknown) => error instanceof LinkError && error.failure === failure

const endpointOf = (links: UdpLinks) => udpEndpointOf(readEndpoint(links.endpoints()[0]!)!)!

describe('UDP links', () => {
  let world: VirtualUdp
  let a: UdpLinks
  let b: UdpLinks

  beforeEach(async () => {
    world = new VirtualUdp()
    a = await world.node()
    b = await world.node()
  })

  async function pair(): Promise<[Link, Link]> {
    const atB = arriving(b)
    const outgoing = await world.run(a.dial(contactOf(b)))
    await world.until(() => atB.length === 1)
    return [outgoing, atB[0]!]
  }

  test('hand over what was sent before they were closed, over a bad line too', async () => {
    Object.assign(world.network.weather, { loss: 0.05, maxDelayMs: 10 })
    const [outgoing, incoming] = await pair()
    const recorder = new Recorder(incoming)
    const sent = Array.from({ length: 5 }, (_, i) => pattern(5_000, i))
    for (const frame of sent) assert.equal(outgoing.send(frame), true)
    outgoing.close()
    await world.until(() => recorder.closes === 1)
    assert.deepEqual(recorder.frames, sent)
  })

  test('name the endpoint of the peer for people to read', async () => {
    const [outgoing] = await pair()
    assert.equal(outgoing.remote, b.endpoints()[0]!.replace(/\/p2p\/.*/, ''))
  })

  test('tell others first where a router lets others in, and last where only a router behind another does', () => {
    let news = 0
    a.onEndpoints = () => news++
    const own = endpointOf(a)
    for (const [ip, place] of [
      ['203.0.113.9', 0],
      ['192.168.0.7', 1],
    ] as const) {
      a.mapped = udpEndpoint(ip, 4001)
      const told = a.endpoints().map((text) => udpEndpointOf(readEndpoint(text)!))
      assert.deepEqual([told.length, told[place]], [2, `${ip}:4001`])
    }
    a.mapped = undefined
    assert.deepEqual([endpointOf(a), a.endpoints().length], [own, 1])
    assert.equal(news, 1, 'the changes that follow at once are told a little later')
  })

  test('are one even when two endpoints of a slow peer are dialled in a race', async () => {
    Object.assign(world.network.weather, { minDelayMs: 200, maxDelayMs: 201 })
    const atB = arriving(b)
    const [endpoint = ''] = b.endpoints()
    const twice = { address: b.self, endpoints: [endpoint, endpoint.replace(/\/p2p\/.*/, '')] }
    await world.run(a.dial(twice))
    await world.clock.runFor(10_000)
    assert.equal(atB.length, 1)
  })

  test('are none as long as the node that dialled does not ask for one, and then the session ends', async () => {
    const atB = arriving(b)
    const stranger = await world.sessions()
    const session = await world.run(stranger.connect(endpointOf(b)))
    let closedAt = 0
    session.onClose = () => {
      closedAt = world.clock.now()
    }
    const startedAt = world.clock.now()
    await world.until(() => closedAt > 0)
    assert.ok(closedAt - startedAt >= OPEN_LIMIT_MS && closedAt - startedAt < 2 * OPEN_LIMIT_MS)
    assert.equal(atB.length, 0)
  })

  test('are made while more come that say nothing than a node keeps', async () => {
    const atB = arriving(b)
    let isOver = false
    const flood = async () => {
      while (!isOver) {
        const stranger = await world.sessions()
        void stranger.connect(endpointOf(b)).catch(() => {})
        await world.clock.runFor(10)
      }
    }
    const flooding = flood()
    await world.run(world.clock.runFor(4_000))
    for (let i = 1; i <= 5; i++) {
      const friend = await world.node()
      await world.run(friend.dial(contactOf(b)))
      await world.until(() => atB.length === i)
    }
    isOver = true
    await flooding
  })

  test('end when the peer says what cannot be', async () => {
    for (const words of [[[7]], [[], [7]], [[], []], [[], [1], [], [1]], [[5, 5, 5]]]) {
      const stranger = await world.sessions()
      const session = await world.run(stranger.connect(endpointOf(b)))
      const { clock } = world
      let closed = false
      session.onClose = () => {
        closed = true
      }
      const send = (segment: Uint8Array) => session.send('control', segment)
      const stream = new ReliableStream({ clock, random: new SeededRandom(1), maxSegment: session.maxPayload, send })
      session.onPayload = (_, payload) => stream.receive(payload)
      const startedAt = clock.now()
      for (const word of words) stream.write(Uint8Array.from(word))
      await world.until(() => closed)
      assert.ok(clock.now() - startedAt < OPEN_LIMIT_MS)
      stream.close()
    }
    assert.equal(b.counters().violations, 5)
  })

  test('to oneself are refused', async () => {
    const [endpoint = ''] = a.endpoints()
    await assert.rejects(world.run(a.dialEndpoint(endpoint)), failsWith('self'))
    await assert.rejects(world.run(a.dialEndpoint(endpoint.replace(/\/p2p\/.*/, ''))), failsWith('self'))
  })

  test('are one between two nodes, however often they dial each other', async () => {
    const [outgoing, incoming] = await pair()
    assert.equal(await world.run(a.dial(contactOf(b))), outgoing)
    assert.equal(await world.run(b.dial(contactOf(a))), incoming)
  })

  test('that are about to close are not what a dial brings', async () => {
    const [outgoing] = await pair()
    for (let i = 0; i < 20; i++) outgoing.send(pattern(100_000, i))
    outgoing.close()
    const next = await world.run(a.dial(contactOf(b)))
    assert.notEqual(next, outgoing)
    const recorder = new Recorder(next)
    await world.clock.runFor(10_000)
    assert.equal(recorder.closes, 0)
    assert.equal(next.send(pattern(10, 1)), true)
  })

  test('are one when both nodes dial each other at the same moment', async () => {
    const [atA, atB] = [arriving(a), arriving(b)]
    const [ofA, ofB] = await world.run(Promise.all([a.dial(contactOf(b)), b.dial(contactOf(a))]))
    const recorder = new Recorder(ofB)
    ofA.send(pattern(10, 1))
    await world.until(() => recorder.frames.length === 1)
    assert.ok(atA.every((link) => link === ofA) && atB.every((link) => link === ofB))
  })

  test('come from behind any NAT, and go on when it is rebound in mid-flow', async () => {
    for (const behavior of [HOME_NAT, SYMMETRIC_NAT]) {
      const nat = world.network.nat(behavior)
      const inner = await world.node(world.network.host(nat))
      const atB = arriving(b)
      const outgoing = new Recorder(await world.run(inner.dial(contactOf(b))))
      await world.until(() => atB.length === 1)
      const incoming = new Recorder(atB[0]!)
      const before = incoming.link.remote
      nat.rebind()
      outgoing.link.send(pattern(50_000, 1))
      await world.until(() => incoming.frames.length === 1)
      incoming.link.send(pattern(50_000, 2))
      await world.until(() => outgoing.frames.length === 1)
      assert.notEqual(incoming.link.remote, before)
      assert.deepEqual([outgoing.closes, incoming.closes], [0, 0])
    }
  })

  test('tell the owner about another way to this node once a second at most, whatever a peer says', async () => {
    const [outgoing] = await pair()
    await world.clock.runFor(5_000)
    let told = 0
    b.onEndpoints = () => told++
    const liar = await world.sessions()
    const session = await world.run(liar.connect(endpointOf(b)))
    const { clock } = world
    const send = (segment: Uint8Array) => session.send('control', segment)
    const stream = new ReliableStream({ clock, random: new SeededRandom(1), maxSegment: session.maxPayload, send })
    session.onPayload = (_, payload) => stream.receive(payload)
    const say = (word: Decoded<typeof wordCodec>) => {
      stream.write(new Uint8Array(0))
      stream.write(encode(wordCodec, word))
    }
    say({ kind: 'open' })
    for (let port = 1; port <= 1_000; port++) {
      say({ kind: 'seen', endpoint: `198.51.100.7:${port}`, carries: false })
      await clock.runFor(10)
    }
    assert.ok(told > 5 && told <= 12, `${told} times in 10 s`)
    assert.equal(outgoing.send(pattern(10, 1)), true)
    stream.close()
  })

  test('through a third node join two that are behind NATs which nothing can punch', async () => {
    const relay = await world.node()
    const behind = () => world.node(world.network.host(world.network.nat(SYMMETRIC_NAT)))
    const [left, right] = [await behind(), await behind()]
    for (const node of [left, right]) await world.run(node.dial(contactOf(relay)))
    await assert.rejects(world.run(left.dial(contactOf(right))), failsWith('unreachable'))
    const atRight = arriving(right)
    const near = new Recorder(await world.run(left.dialThrough(relay.self, contactOf(right))))
    await world.until(() => atRight.length === 1)
    near.link.send(pattern(100_000, 3))
    const far = new Recorder(atRight[0]!)
    await world.until(() => far.frames.length === 1)
    assert.deepEqual(far.frames, [pattern(100_000, 3)])
    assert.match(near.link.remote, /^udp through [0-9a-f]{40}$/)
  })

  test('fail in the end where UDP is blocked', async () => {
    world.network.canTalk = () => false
    await assert.rejects(world.run(a.dial(contactOf(b))), failsWith('unreachable'))
  })
})
