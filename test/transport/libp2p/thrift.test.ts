/** What a link costs on the wire, counted by our own wire between two real nodes. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { Clock } from '../../../agent/core/clock.ts'
import type { Link } from '../../../agent/overlay/link.ts'
import type { Libp2pLinks } from '../../../agent/transport/libp2p/links.ts'
import { arriving, pattern, Recorder } from '../link-layer.suite.ts'
import { Loopback } from './loopback.ts'

/** A clock whose timers never fire, so that no relay slot is requested while frames are counted. */
const STILL: Clock = { now: () => performance.now(), after: () => ({ cancel() {} }) }

/** Forwards what it gets, chunk by chunk as the sender wrote it, and counts. */
class Wire {
  /** Chunks and bytes from the end that dialled. */
  there = { chunks: 0, bytes: 0 }
  back = { chunks: 0, bytes: 0 }
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  static async to(port: number): Promise<Wire> {
    const wire = new Wire(port)
    wire.#server.listen(0, '127.0.0.1')
    await once(wire.#server, 'listening')
    return wire
  }

  private constructor(port: number) {
    this.#server = createServer({ noDelay: true }, (near) => {
      const far = connect({ port, host: '127.0.0.1', noDelay: true })
      for (const socket of [near, far]) this.#sockets.add(socket.on('error', () => {}))
      near.on('data', (chunk) => this.#pass(chunk, far, this.there)).on('close', () => far.destroy())
      far.on('data', (chunk) => this.#pass(chunk, near, this.back)).on('close', () => near.destroy())
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Starts the counts again from zero. */
  reset(): void {
    this.there = { chunks: 0, bytes: 0 }
    this.back = { chunks: 0, bytes: 0 }
  }

  /** Waits until nothing has passed for a while. */
  async rest(): Promise<void> {
    for (let before = -1; before !== this.there.chunks + this.back.chunks; await setTimeout(200)) {
      before = this.there.chunks + this.back.chunks
    }
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #pass(chunk: Buffer, socket: Socket, count: { chunks: number; bytes: number }): void {
    count.chunks++
    count.bytes += chunk.length
    socket.write(chunk)
  }
}

describe('a link', () => {
  let world: Loopback
  let wire: Wire
  let near: Link
  let far: Recorder

  beforeEach(async () => {
    world = new Loopback()
    const [a, b] = [await world.node({ clock: STILL }), await world.node({ clock: STILL })]
    const atB = arriving(b)
    wire = await Wire.to(portOf(b))
    near = await a.dial({ address: b.self, endpoints: [`/ip4/127.0.0.1/tcp/${wire.port}/p2p/${b.peerId}`] })
    await world.until(() => atB.length === 1)
    far = new Recorder(atB[0]!)
    await wire.rest()
    wire.reset()
  })

  afterEach(async () => {
    wire.cut()
    await world.stop()
  })

  test('sends a small frame as one segment of few bytes more, and the transport says nothing back', async () => {
    for (let i = 1; i <= 10; i++) {
      near.send(pattern(20, i))
      await world.until(() => far.frames.length === i)
    }
    await setTimeout(50)
    assert.equal(wire.there.chunks, 10)
    assert.ok(wire.there.bytes <= 10 * (20 + 40), `${wire.there.bytes} bytes`)
    assert.deepEqual(wire.back, { chunks: 0, bytes: 0 })
  })

  test('sends what is said in one turn of the event loop together', async () => {
    for (let i = 1; i <= 10; i++) near.send(pattern(20, i))
    await world.until(() => far.frames.length === 10)
    assert.equal(wire.there.chunks, 1)
  })

  test('carries any amount: the peer hears often enough how much was taken', async () => {
    const sent = Array.from({ length: 100 }, (_, i) => pattern(30_000, i))
    for (const frame of sent) {
      while (!near.send(frame, 'bulk')) await setTimeout(1)
    }
    await world.until(() => far.frames.length === sent.length)
    assert.deepEqual(far.frames, sent)
    assert.ok(wire.back.chunks > 0)
  })
})

function portOf(node: Libp2pLinks): number {
  return Number(/\/tcp\/(\d+)/.exec(node.endpoints()[0] ?? '')?.[1])
}
