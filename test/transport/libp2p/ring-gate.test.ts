/** A ring of its own at the level of connections: who lacks its key gets nowhere. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { MAX_AT_GATE } from '../../../agent/transport/constants.ts'
import { LinkError } from '../../../agent/transport/errors.ts'
import type { Libp2pLinks } from '../../../agent/transport/libp2p/links.ts'
import { arriving, contactOf, pattern, Recorder } from '../link-layer.suite.ts'
import { Loopback } from './loopback.ts'

const isRelayed = (endpoint: string) => endpoint.includes('/p2p-circuit/')
/** What a dialling node shows first, bytes. */
const SHOWN_BYTES = 32

describe('a ring of its own', () => {
  const ringKey = new Uint8Array(randomBytes(32))
  let world: Loopback

  beforeEach(() => {
    world = new Loopback()
  })

  afterEach(() => world.stop())

  test('links nodes that have its key, directly and through one of them', async () => {
    const [relay, hidden, asker] = [
      await world.node({ ringKey }),
      await world.node({ ringKey, listen: [] }),
      await world.node({ ringKey }),
    ]
    await hidden.dialEndpoint(relay.endpoints()[0]!)
    await world.until(() => hidden.endpoints().some(isRelayed))
    const atHidden = arriving(hidden)
    const link = await asker.dial(contactOf(hidden))
    assert.ok(link.relayed)
    await world.until(() => atHidden.length === 1)
    const heard = new Recorder(atHidden[0]!)
    link.send(pattern(50_000, 1))
    await world.until(() => heard.frames.length === 1)
    assert.deepEqual(heard.frames, [pattern(50_000, 1)])
  })

  for (const [who, theirKey] of [
    ['has no key', undefined],
    ['has the key of another ring', new Uint8Array(randomBytes(32))],
  ] as const) {
    test(`has no link from nor to a node that ${who}`, async () => {
      const [inside, stranger] = [await world.node({ ringKey }), await world.node({ ringKey: theirKey })]
      const links = [...arriving(inside), ...arriving(stranger)]
      await assert.rejects(stranger.dial(contactOf(inside)), LinkError)
      await assert.rejects(inside.dial(contactOf(stranger)), LinkError)
      assert.equal(links.length, 0)
    })
  }

  test('says nothing to a stranger, and hangs up at once when he shows a wrong key', async () => {
    const inside = await world.node({ ringKey })
    const stranger = await dial(inside)
    stranger.socket.write(randomBytes(SHOWN_BYTES))
    await stranger.closed
    assert.equal(stranger.heard(), 0)
  })

  test('hangs up on a stranger who shows nothing', async () => {
    const inside = await world.node({ ringKey })
    const stranger = await dial(inside)
    await stranger.closed
    assert.equal(stranger.heard(), 0)
  })

  test('lets its nodes in while more strangers wait at the gate than it keeps', async () => {
    const [inside, friend] = [await world.node({ ringKey }), await world.node({ ringKey })]
    const links = arriving(inside)
    const strangers = await Promise.all(Array.from({ length: MAX_AT_GATE + 50 }, () => dial(inside)))
    await friend.dial(contactOf(inside))
    await world.until(() => links.length === 1)
    for (const { socket } of strangers) socket.destroy()
  })

  test('does not take what a node of the ring once showed for the key', async () => {
    const [inside, copied] = [await world.node({ ringKey }), await world.node({ ringKey })]
    const shown = await recordDial(copied)
    const links = arriving(inside)
    const stranger = await dial(inside)
    stranger.socket.write(shown)
    await stranger.closed
    assert.equal(links.length, 0)
  })
})

interface Stranger {
  readonly socket: Socket
  readonly closed: Promise<void>
  /** Bytes that the node sent. */
  heard(): number
}

/** A plain TCP connection to a node. */
async function dial(node: Libp2pLinks): Promise<Stranger> {
  const port = Number(/\/tcp\/(\d+)/.exec(node.endpoints()[0]!)?.[1])
  const socket = connect(port, '127.0.0.1')
  let heard = 0
  socket.on('data', (part) => {
    heard += part.length
  })
  socket.on('error', () => {}) // A reset is a way of hanging up.
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return { socket, closed, heard: () => heard }
}

/** All that a node sends to an address where nobody answers. */
async function recordDial(node: Libp2pLinks): Promise<Buffer> {
  const parts: Buffer[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (part) => {
      parts.push(part)
      socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await assert.rejects(node.dialEndpoint(`/ip4/127.0.0.1/tcp/${port}`), LinkError)
  server.close()
  assert.ok(Buffer.concat(parts).length > SHOWN_BYTES)
  return Buffer.concat(parts)
}
