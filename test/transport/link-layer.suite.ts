/**
 * The promises of `agent/overlay/link.ts` as tests, for every implementation of `LinkLayer`.
 *
 * Each implementation brings a `LinkWorld`: libp2p on the loopback lets real time pass, the simulator advances its
 * clock.
 */

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type Address, toAddress } from '../../agent/overlay/address.ts'
import { type Contact, type Link, type LinkLayer, MAX_FRAME } from '../../agent/overlay/link.ts'

export interface LinkWorld {
  /** Another node, which the others can reach by its endpoints. */
  node(): Promise<LinkLayer>
  /** Lets time pass until `promise` settles. */
  run<T>(promise: Promise<T>): Promise<T>
  /** Lets time pass until `condition` holds; fails the test when it never does. */
  until(condition: () => boolean): Promise<void>
  stop(): Promise<void>
}

/** What happened on a link, in order. */
export class Recorder {
  readonly link: Link
  readonly frames: Uint8Array[] = []
  readonly events: ('frame' | 'close')[] = []

  constructor(link: Link) {
    this.link = link
    link.onFrame = (frame) => {
      this.frames.push(Uint8Array.from(frame))
      this.events.push('frame')
    }
    link.onClose = () => this.events.push('close')
  }

  get closes(): number {
    return this.events.filter((event) => event === 'close').length
  }
}

/** Links that others open to `layer`. */
export function arriving(layer: LinkLayer): Link[] {
  const links: Link[] = []
  layer.onLink = (link) => links.push(link)
  return links
}

export function contactOf(layer: LinkLayer): Contact {
  return { address: layer.self, endpoints: layer.endpoints() }
}

/** Bytes that betray loss, reordering and alteration. */
export function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 255)
}

export function linkLayerSuite(name: string, createWorld: () => Promise<LinkWorld>): void {
  describe(`the promises of a link layer: ${name}`, () => {
    let world: LinkWorld
    let a: LinkLayer
    let b: LinkLayer

    beforeEach(async () => {
      world = await createWorld()
      a = await world.node()
      b = await world.node()
    })

    afterEach(() => world.stop())

    async function pair(): Promise<[Link, Link]> {
      const atB = arriving(b)
      const outgoing = await world.run(a.dial(contactOf(b)))
      await world.until(() => atB.length === 1)
      return [outgoing, atB[0]!]
    }

    test('both ends know whose key the other proved, and who dialled', async () => {
      const [outgoing, incoming] = await pair()
      assert.equal(outgoing.peer, b.self)
      assert.equal(incoming.peer, a.self)
      assert.deepEqual([outgoing.outgoing, incoming.outgoing], [true, false])
      assert.deepEqual([outgoing.relayed, incoming.relayed], [false, false])
    })

    test('a node proves its key for one nonce, and takes no proof of another node, or for another nonce', () => {
      const [nonce, another] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)]
      const proof = a.prove(nonce)
      assert.equal(a.isOwnProof(nonce, proof), true)
      assert.equal(a.isOwnProof(another, proof), false)
      assert.equal(a.isOwnProof(nonce, b.prove(nonce)), false)
      assert.equal(a.isOwnProof(nonce, new Uint8Array(0)), false)
    })

    test('an endpoint alone is enough to reach a node and learn its address', async () => {
      const link = await world.run(a.dialEndpoint(b.endpoints()[0]!))
      assert.equal(link.peer, b.self)
    })

    test('frames of every size arrive whole, in order and unaltered, both ways', async () => {
      const [outgoing, incoming] = (await pair()).map((link) => new Recorder(link)) as [Recorder, Recorder]
      const sizes = [1, 0, 3, 1400, 65_535, MAX_FRAME, 2, MAX_FRAME - 1, 4]
      const sent = sizes.map((size, i) => pattern(size, i))
      for (const frame of sent) {
        assert.equal(outgoing.link.send(frame), true)
        assert.equal(incoming.link.send(frame), true)
      }
      await world.until(() => outgoing.frames.length === sent.length && incoming.frames.length === sent.length)
      assert.deepEqual(incoming.frames, sent)
      assert.deepEqual(outgoing.frames, sent)
    })

    test('a frame above the limit is not sent and harms nothing', async () => {
      const [outgoing, incoming] = (await pair()).map((link) => new Recorder(link)) as [Recorder, Recorder]
      assert.equal(outgoing.link.send(new Uint8Array(MAX_FRAME + 1)), false)
      assert.equal(outgoing.link.send(pattern(5, 1)), true)
      await world.until(() => incoming.frames.length === 1)
      assert.deepEqual(incoming.frames, [pattern(5, 1)])
    })

    test('frames that arrive before anybody listens are kept', async () => {
      const [outgoing, incoming] = await pair()
      const sent = [pattern(10, 1), pattern(20, 2), pattern(30, 3)]
      for (const frame of sent) outgoing.send(frame)
      const back = new Recorder(outgoing)
      incoming.send(pattern(1, 9))
      // By the time this frame is back, the three have had time to arrive.
      await world.until(() => back.frames.length === 1)
      const late = new Recorder(incoming)
      await world.until(() => late.frames.length === 3)
      assert.deepEqual(late.frames, sent)
    })

    for (const closer of ['the dialling', 'the other'] as const) {
      test(`both ends learn exactly once that ${closer} side closed`, async () => {
        const [outgoing, incoming] = (await pair()).map((link) => new Recorder(link)) as [Recorder, Recorder]
        const closing = closer === 'the dialling' ? outgoing : incoming
        closing.link.close()
        closing.link.close()
        await world.until(() => outgoing.closes > 0 && incoming.closes > 0)
        outgoing.link.close()
        incoming.link.close()
        assert.deepEqual([outgoing.closes, incoming.closes], [1, 1])
      })
    }

    test('no frame comes after the end, and none can be sent', async () => {
      const [outgoing, incoming] = (await pair()).map((link) => new Recorder(link)) as [Recorder, Recorder]
      for (let i = 0; i < 50; i++) incoming.link.send(pattern(1000, i))
      outgoing.link.close()
      assert.equal(outgoing.link.send(pattern(1, 1)), false)
      await world.until(() => outgoing.closes === 1 && incoming.closes === 1)
      assert.equal(incoming.link.send(pattern(1, 1)), false)
      assert.equal(outgoing.events.at(-1), 'close')
      assert.equal(incoming.events.at(-1), 'close')
    })

    test('whoever asks late is still told that the link has ended', async () => {
      const [outgoing, incoming] = await pair()
      const early = new Recorder(outgoing)
      incoming.close()
      await world.until(() => early.closes === 1)
      const late = new Recorder(incoming)
      await world.until(() => late.closes === 1)
    })

    test('links end when their node stops', async () => {
      const [outgoing] = await pair()
      const recorder = new Recorder(outgoing)
      await world.run(b.stop())
      await world.until(() => recorder.closes === 1)
    })

    test('a contact whose endpoints lead to another node is refused', async () => {
      const stranger: Contact = { address: toAddress(b.self + 1n), endpoints: b.endpoints() }
      await assert.rejects(world.run(a.dial(stranger)))
    })

    test('dialling a node that is gone fails', async () => {
      const gone = contactOf(b)
      await world.run(b.stop())
      await assert.rejects(world.run(a.dial(gone)))
    })

    test('dialling a contact without endpoints fails', async () => {
      await assert.rejects(world.run(a.dial({ address: b.self, endpoints: [] })))
    })

    test('a dial that is called off fails', async () => {
      const controller = new AbortController()
      controller.abort()
      await assert.rejects(world.run(a.dial(contactOf(b), controller.signal)))
    })

    test('a stopped node dials nobody', async () => {
      await world.run(a.stop())
      await assert.rejects(world.run(a.dial(contactOf(b))))
    })

    test('a node linked to both carries a link between two others', async () => {
      const relay = await world.node()
      const [, contactB] = [contactOf(a), contactOf(b)]
      await world.run(a.dial(contactOf(relay)))
      await world.run(b.dial(contactOf(relay)))
      const atB = arriving(b)
      const near = new Recorder(await world.run(a.dialThrough(relay.self, contactB)))
      await world.until(() => atB.length === 1)
      const far = new Recorder(atB[0]!)
      assert.deepEqual([near.link.peer, far.link.peer], [b.self, a.self] satisfies Address[])
      assert.deepEqual([near.link.relayed, far.link.relayed], [true, true])
      near.link.send(pattern(MAX_FRAME, 1))
      far.link.send(pattern(100, 2))
      await world.until(() => near.frames.length === 1 && far.frames.length === 1)
      assert.deepEqual(far.frames, [pattern(MAX_FRAME, 1)])
      await world.run(relay.stop())
      await world.until(() => near.closes === 1 && far.closes === 1)
    })

    test('a dial for a better link does not take the way through a third node that stands', async () => {
      const relay = await world.node()
      await world.run(a.dial(contactOf(relay)))
      await world.run(b.dial(contactOf(relay)))
      const relayed = await world.run(a.dialThrough(relay.self, contactOf(b)))
      assert.equal(relayed.relayed, true)
      const direct = await world.run(a.dialBetter(contactOf(b), relayed))
      assert.deepEqual([direct.peer, direct.relayed], [b.self, false])
    })

    test('a node that is not linked to carries nothing', async () => {
      const relay = await world.node()
      await assert.rejects(world.run(a.dialThrough(relay.self, contactOf(b))))
    })

    test('a relay that does not know the other node refuses', async () => {
      const relay = await world.node()
      await world.run(a.dial(contactOf(relay)))
      await assert.rejects(world.run(a.dialThrough(relay.self, contactOf(b))))
    })
  })
}
