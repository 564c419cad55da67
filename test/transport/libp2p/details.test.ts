/** What libp2p links do beyond the promises of every link layer. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { SystemClock } from '../../../agent/core/clock.ts'
import { InputError } from '../../../agent/core/errors.ts'
import { frameBytes } from '../../../agent/core/framing.ts'
import { SILENT } from '../../../agent/core/log.ts'
import { MAX_FRAME } from '../../../agent/overlay/link.ts'
import { BULK_BACKLOG, IDLE_LIMIT_MS, LINK_PROTOCOL, MAX_LINKS_PER_PEER } from '../../../agent/transport/constants.ts'
import { LinkError } from '../../../agent/transport/errors.ts'
import { createIdentity } from '../../../agent/transport/identity.ts'
import { type Libp2pNode, startLibp2pNode } from '../../../agent/transport/libp2p/node.ts'
import { arriving, contactOf, pattern, Recorder } from '../link-layer.suite.ts'
import { Child } from './child.ts'
import { Loopback } from './loopback.ts'

const isRelayed = (endpoint: string) => endpoint.includes('/p2p-circuit/')
const failsWith = (failure: string) => (error: unknown) => error instanceof LinkError && error.failure === failure

describe('libp2p links', () => {
  let world: Loopback

  beforeEach(() => {
    world = new Loopback()
  })

  afterEach(() => world.stop())

  test('hand over what was sent before they were closed', async () => {
    const [a, b] = [await world.node(), await world.node()]
    const atB = arriving(b)
    const link = await a.dial(contactOf(b))
    const sent = Array.from({ length: 20 }, (_, i) => pattern(50_000, i))
    for (const frame of sent) assert.equal(link.send(frame), true)
    link.close()
    await world.until(() => atB.length === 1)
    const recorder = new Recorder(atB[0]!)
    await world.until(() => recorder.closes === 1)
    assert.deepEqual(recorder.frames, sent)
  })

  test('to one peer share a connection, which outlives all but the last', async () => {
    const [a, b] = [await world.node(), await world.node()]
    const atB = arriving(b)
    const [first, second] = [await a.dial(contactOf(b)), await a.dial(contactOf(b))]
    await world.until(() => atB.length === 2)
    assert.equal(atB[0]!.remote, atB[1]!.remote)
    first.close()
    const recorder = new Recorder(second)
    const other = new Recorder(atB[1]!)
    second.send(pattern(10, 1))
    await world.until(() => other.frames.length === 1)
    assert.equal(recorder.closes, 0)
  })

  test('are refused beyond a handful to one peer', async () => {
    const [a, b] = [await world.node(), await world.node()]
    const opened = []
    for (let i = 0; i < MAX_LINKS_PER_PEER; i++) opened.push(await a.dial(contactOf(b)))
    await assert.rejects(a.dial(contactOf(b)), failsWith('refused'))
    assert.ok(opened.every((link) => link.send(pattern(1, 1))))
  })

  test('that arrive before the ring listens are kept for it', async () => {
    const [a, b] = [await world.node(), await world.node()]
    const link = await a.dial(contactOf(b))
    link.send(pattern(10, 1))
    const atB = arriving(b)
    await world.until(() => atB.length === 1)
    const recorder = new Recorder(atB[0]!)
    await world.until(() => recorder.frames.length === 1)
  })

  test('are not made with a node that lives where another was expected', async () => {
    const [a, b, c] = [await world.node(), await world.node(), await world.node()]
    const place = b.endpoints()[0]!.split('/p2p/')[0]!
    const claimsC = `${place}/p2p/${c.peerId}`
    await assert.rejects(a.dial({ address: c.self, endpoints: [claimsC] }), failsWith('wrong-peer'))
    await assert.rejects(a.dial({ address: c.self, endpoints: [place] }), failsWith('wrong-peer'))
    await assert.rejects(a.dialEndpoint(claimsC), failsWith('wrong-peer'))
    assert.equal((await a.dialEndpoint(place)).peer, b.self)
  })

  test('are made by whichever endpoint answers, dead ones notwithstanding', async () => {
    const [a, b] = [await world.node(), await world.node()]
    const dead = ['/ip4/127.0.0.2/tcp/1', '/ip4/127.0.0.3/tcp/1'].map((place) => `${place}/p2p/${b.peerId}`)
    const link = await a.dial({ address: b.self, endpoints: ['garbage', ...dead, ...b.endpoints()] })
    assert.equal(link.peer, b.self)
  })

  test('do not lead back to the node itself', async () => {
    const a = await world.node()
    await assert.rejects(a.dialEndpoint(a.endpoints()[0]!), failsWith('self'))
    await assert.rejects(a.dialEndpoint(a.endpoints()[0]!.split('/p2p/')[0]!), failsWith('self'))
  })

  test('name a malformed endpoint that a user gave', async () => {
    const a = await world.node()
    await assert.rejects(a.dialEndpoint('example.org:4001'), InputError)
  })

  test('end at once when the process of the peer is killed', async () => {
    const child = new Child({ listen: ['/ip4/127.0.0.1/tcp/0'] })
    try {
      const a = await world.node()
      const recorder = new Recorder(await a.dialEndpoint((await child.endpoints())[0]!))
      await child.kill()
      await world.until(() => recorder.closes === 1)
    } finally {
      await child.kill()
    }
  })

  test('leave nothing behind that keeps a stopped process alive', async () => {
    const child = new Child({ listen: ['/ip4/127.0.0.1/tcp/0'], stopAtOnce: true })
    const [code] = await once(child.process, 'exit')
    assert.equal(code, 0)
  })
})

describe('a node that cannot listen', () => {
  test('says which address and why', async () => {
    const world = new Loopback()
    try {
      const taken = (await world.node()).endpoints()[0]!.split('/p2p/')[0]!
      const rejection = (error: unknown) =>
        error instanceof InputError && error.message.includes(taken) && /another program/.test(error.message)
      await assert.rejects(world.node({ listen: [taken] }), rejection)
      await assert.rejects(world.node({ listen: ['/ip4/198.51.100.7/tcp/0'] }), /no such address/)
      await assert.rejects(world.node({ listen: ['localhost:80'] }), /^InputError: listen: "localhost:80"/)
      await assert.rejects(world.node({ announce: ['nowhere'] }), /^InputError: announce: "nowhere"/)
    } finally {
      await world.stop()
    }
  })
})

describe('a peer that breaks the rules', () => {
  let world: Loopback
  let rogue: Libp2pNode

  beforeEach(async () => {
    world = new Loopback()
    rogue = await startLibp2pNode({
      privateKey: (await createIdentity()).privateKey,
      ringKey: undefined,
      clock: new SystemClock(),
      log: SILENT,
    })
  })

  afterEach(async () => {
    await rogue.libp2p.stop()
    await world.stop()
  })

  async function intrude(endpoint: string): Promise<Stream> {
    const connection = await rogue.libp2p.dial(multiaddr(endpoint))
    return await connection.newStream(LINK_PROTOCOL)
  }

  test('with an oversized frame loses its link, and that is counted', async () => {
    const node = await world.node()
    const links = arriving(node)
    const stream = await intrude(node.endpoints()[0]!)
    stream.send(frameBytes(new Uint8Array(0)))
    await world.until(() => links.length === 1)
    const recorder = new Recorder(links[0]!)
    const header = new Uint8Array(4)
    new DataView(header.buffer).setUint32(0, MAX_FRAME + 1)
    stream.send(header)
    await world.until(() => recorder.closes === 1)
    assert.deepEqual(recorder.frames, [])
    assert.equal(node.counters().violations, 1)
  })

  test('by opening a stream and saying nothing has no link, and the stream is closed', async () => {
    const node = await world.node()
    const links = arriving(node)
    const stream = await intrude(node.endpoints()[0]!)
    let closed = false
    stream.addEventListener('remoteCloseWrite', () => {
      closed = true
    })
    await world.until(() => closed)
    assert.deepEqual(links, [])
  })

  test('by not reading makes bulk frames drop first, and control frames end the link', async () => {
    const node = await world.node()
    const links = arriving(node)
    const stream = await intrude(node.endpoints()[0]!)
    stream.send(frameBytes(new Uint8Array(0)))
    stream.pause()
    await world.until(() => links.length === 1)
    const [link, recorder] = [links[0]!, new Recorder(links[0]!)]
    const frame = pattern(64 * 1024, 1)
    // The kernel and the peer's window take in more, on top of our own limit.
    let accepted = 0
    while (link.send(frame, 'bulk')) {
      assert.ok(++accepted < 1000, 'bulk frames are never held back')
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(accepted * frame.length > BULK_BACKLOG / 2)
    assert.equal(node.counters().bulkDropped, 1)
    assert.equal(link.send(frame, 'control'), true)
    while (link.send(frame, 'control')) assert.ok(++accepted < 2000, 'control frames pile up without end')
    await world.until(() => recorder.closes === 1)
    assert.equal(node.counters().stuck, 1)
  })
})

describe('relays', () => {
  let world: Loopback

  beforeEach(() => {
    world = new Loopback()
  })

  afterEach(() => world.stop())

  test('that a node dialled take it in, and others reach it through them', async () => {
    const [relay, hidden, other] = [await world.node(), await world.node({ listen: [] }), await world.node()]
    assert.deepEqual(hidden.endpoints(), [])
    const up = await hidden.dialEndpoint(relay.endpoints()[0]!)
    await world.until(() => hidden.endpoints().some(isRelayed))
    const atHidden = arriving(hidden)
    const link = await other.dial(contactOf(hidden))
    assert.deepEqual([link.peer, link.relayed], [hidden.self, true])
    await world.until(() => atHidden.length === 1)
    assert.deepEqual([atHidden[0]!.peer, atHidden[0]!.relayed], [other.self, true])

    // The ring may drop its link to the relay; the route through the relay stays.
    const recorder = new Recorder(link)
    up.close()
    await new Promise((resolve) => setTimeout(resolve, IDLE_LIMIT_MS + 1000))
    atHidden[0]!.send(pattern(10, 1))
    await world.until(() => recorder.frames.length === 1)
    const another = await world.node()
    assert.equal((await another.dial(contactOf(hidden))).relayed, true)
  })

  test('are two when there are more, and are replaced when lost', async () => {
    const hidden = await world.node({ listen: [] })
    const relays = [await world.node(), await world.node(), await world.node()]
    for (const relay of relays) await hidden.dialEndpoint(relay.endpoints()[0]!)
    await world.until(() => hidden.endpoints().filter(isRelayed).length === 2)
    const used = relays.filter((relay) => hidden.endpoints().some((endpoint) => endpoint.includes(relay.peerId)))
    const spare = relays.find((relay) => !used.includes(relay))!
    await used[0]!.stop()
    await world.until(() => hidden.endpoints().some((endpoint) => endpoint.includes(spare.peerId)))
    assert.equal(hidden.endpoints().filter(isRelayed).length, 2)
  })

  test('are not needed when a direct way works: the link is direct', async () => {
    const [relay, a, b] = [await world.node(), await world.node(), await world.node()]
    await b.dial(contactOf(relay))
    await world.until(() => b.endpoints().some(isRelayed))
    assert.equal((await a.dial(contactOf(b))).relayed, false)
  })
})
