/** A node's TCP port before, while and after libp2p takes it over. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { SystemClock } from '../../../agent/core/clock.ts'
import { SystemRandom } from '../../../agent/core/random.ts'
import { MAX_PENDING } from '../../../agent/transport/constants.ts'
import { LinkError } from '../../../agent/transport/errors.ts'
import { createIdentity } from '../../../agent/transport/identity.ts'
import type { Libp2pLinks } from '../../../agent/transport/libp2p/links.ts'
import { RingGate } from '../../../agent/transport/libp2p/ring-gate.ts'
import { arriving, contactOf, pattern, Recorder } from '../link-layer.suite.ts'
import { Loopback } from './loopback.ts'

const loadLibp2p = () => import('../../../agent/transport/libp2p/stream-links.ts')

describe('a TCP port', () => {
  let world: Loopback
  /** How often libp2p was loaded. */
  let loads: number
  /** Waits before each load. */
  let delay: Promise<unknown>

  beforeEach(() => {
    loads = 0
    delay = Promise.resolve()
    world = new Loopback(async () => {
      loads++
      await delay
      return await loadLibp2p()
    })
  })

  afterEach(() => world.stop())

  test('loads libp2p with the first connection, in or out, and once', async () => {
    const [near, far] = [await world.node(), await world.node()]
    assert.equal(near.endpoints().length, 1)
    assert.equal(loads, 0)
    const atFar = arriving(far)
    await near.dial(contactOf(far))
    await near.dial(contactOf(far))
    await world.until(() => atFar.length === 2)
    assert.equal(loads, 2)
  })

  test('does not load it for a peer that has no endpoint over TCP', async () => {
    const [node, peer] = [await world.node(), await createIdentity()]
    const contact = { address: peer.address, endpoints: [`/ip4/127.0.0.1/udp/4001/p2p/${peer.peerId}`] }
    await assert.rejects(node.dial(contact), LinkError)
    await assert.rejects(node.dialThrough(peer.address, contact), LinkError)
    assert.equal(loads, 0)
  })

  test('does not load it for strangers to a ring of its own', async () => {
    const node = await world.node({ ringKey: new Uint8Array(randomBytes(32)) })
    const strangers = await Promise.all([1, 2, 3].map(() => dial(node)))
    for (const stranger of strangers) stranger.write(randomBytes(100))
    await Promise.all(strangers.map((stranger) => closed(stranger)))
    assert.equal(loads, 0)
  })

  for (const [ring, ringKey] of [
    ['a shared ring', undefined],
    ['a ring of its own', new Uint8Array(randomBytes(32))],
  ] as const) {
    test(`of ${ring} keeps all that come while libp2p is loaded`, async () => {
      const far = await world.node({ ringKey })
      const atFar = arriving(far)
      const dialling = await Promise.all(Array.from({ length: 8 }, () => world.node({ ringKey })))
      const warm = await world.node({ ringKey })
      for (const node of dialling) await node.dial(contactOf(warm))
      delay = setTimeout(300)
      const links = await Promise.all(dialling.map((node) => node.dial(contactOf(far))))
      await world.until(() => atFar.length === links.length)
      const heard = atFar.map((link) => new Recorder(link))
      links.forEach((link, i) => void link.send(pattern(70_000, i)))
      await world.until(() => heard.every(({ frames }) => frames.length === 1))
    })
  }

  test('forgets those who hang up while libp2p is loaded, and refuses more than it keeps', async () => {
    const [far, near] = [await world.node(), await world.node()]
    delay = setTimeout(500)
    const gone = await Promise.all(Array.from({ length: 20 }, () => dial(far)))
    for (const socket of gone) socket.resetAndDestroy()
    await setTimeout(50)
    const kept = await Promise.all(Array.from({ length: MAX_PENDING }, () => dial(far)))
    const refused = await dial(far)
    await closed(refused)
    assert.ok(kept.every((socket) => !socket.closed))
    for (const socket of kept) socket.destroy()
    const atFar = arriving(far)
    await setTimeout(500)
    await near.dial(contactOf(far))
    await world.until(() => atFar.length === 1)
  })

  test('takes nobody any more when the node stops, not even who shows its key late', async () => {
    const ringKey = new Uint8Array(randomBytes(32))
    const gate = new RingGate({ ringKey, clock: new SystemClock(), random: new SystemRandom() })
    const node = await world.node({ ringKey })
    await (await world.node({ ringKey })).dial(contactOf(node))
    const stopped = node.stop()
    const late = await Promise.all([1, 2, 3].map(() => dial(node).catch(() => undefined)))
    for (const socket of late) socket?.write(gate.show())
    await Promise.all(late.map((socket) => socket && closed(socket)))
    await stopped
  })

  test('hangs up when libp2p cannot be loaded, and tries again with the next connection', async () => {
    const [far, near] = [await world.node(), await world.node()]
    delay = Promise.reject(new Error('no memory'))
    delay.catch(() => {})
    await closed(await dial(far))
    await assert.rejects(
      near.dial(contactOf(far)),
      (error) => error instanceof LinkError && /no memory/.test(error.message),
    )
    delay = Promise.resolve()
    const atFar = arriving(far)
    await near.dial(contactOf(far))
    await world.until(() => atFar.length === 1)
  })

  test('keeps no dial longer than its caller wants, and no stop, while libp2p is loaded', async () => {
    const [far, near] = [await world.node(), await world.node()]
    let loaded = () => {}
    delay = new Promise<void>((resolve) => {
      loaded = resolve
    })
    const enough = new AbortController()
    const dialling = near.dial(contactOf(far), enough.signal)
    enough.abort(new Error('enough'))
    await assert.rejects(dialling, /enough/)
    const other = near.dial(contactOf(far))
    await Promise.all([assert.rejects(other, /stopping/), near.stop()])
    loaded()
  })

  test('is free again when the node has stopped, whether libp2p was loaded, is being loaded, or never was', async () => {
    const [never, soon, linked] = [await world.node(), await world.node(), await world.node()]
    await linked.dial(contactOf(await world.node()))
    delay = setTimeout(200)
    const waiting = await dial(soon)
    await setTimeout(50)
    for (const node of [never, soon, linked]) {
      await node.stop()
      await assert.doesNotReject(listenAt(portOf(node)))
    }
    await closed(waiting)
    await assert.rejects(never.dialEndpoint(linked.endpoints()[0]!), /stopping/)
  })
})

function portOf(node: Libp2pLinks): number {
  return Number(node.listening[0]!.getComponents()[1]!.value)
}

async function dial(node: Libp2pLinks): Promise<Socket> {
  const socket = connect(portOf(node), '127.0.0.1')
  socket.on('error', () => {}) // A reset is a way of hanging up.
  socket.resume()
  await once(socket, 'connect')
  return socket
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
}

async function listenAt(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  server.close()
}
