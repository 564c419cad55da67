/** Worlds of nodes that are linked over UDP: in virtual time, and over real sockets on the loopback. */

import assert from 'node:assert/strict'
import { SystemClock } from '../../../agent/core/clock.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { SILENT } from '../../../agent/core/log.ts'
import { SystemRandom } from '../../../agent/core/random.ts'
import { DialRules } from '../../../agent/transport/dial-rules.ts'
import { HiddenNetworks } from '../../../agent/transport/hidden-networks.ts'
import { createIdentity, keyPairOfNode } from '../../../agent/transport/identity.ts'
import { UdpLinks } from '../../../agent/transport/udp/links.ts'
import { openUdpLinks, type UdpLinksOptions } from '../../../agent/transport/udp/open.ts'
import { Sessions } from '../../../agent/underlay/sessions.ts'
import type { DatagramWeather } from '../../../sim/datagram-line.ts'
import { DatagramNetwork } from '../../../sim/datagram-network.ts'
import { SeededRandom } from '../../../sim/seeded-random.ts'
import { VirtualClock } from '../../../sim/virtual-clock.ts'
import type { LinkWorld } from '../link-layer.suite.ts'
import { RealWorld } from '../real-world.ts'

/** How long a virtual world may take, virtual ms. */
const LIMIT_MS = 60_000
const RING_KEY = new Uint8Array(32).fill(7)

export class VirtualUdp implements LinkWorld {
  readonly clock = new VirtualClock()
  readonly #random = new SeededRandom(5)
  readonly network = new DatagramNetwork(this.clock, this.#random.fork())

  constructor(weather: Partial<DatagramWeather> = {}) {
    Object.assign(this.network.weather, weather)
  }

  async node(host = this.network.host()): Promise<UdpLinks> {
    const identity = await createIdentity()
    const { clock } = this
    const random = this.#random.fork()
    const socket = host.socket()
    const listening = () => [socket.endpoint]
    const rules = new DialRules({ hidden: new HiddenNetworks([], () => clock.now()), listening: () => [], clock })
    const rest = { listening, announce: [], rules, drops: new Counters(), opener: host.opener }
    return new UdpLinks({ identity, socket, ringKey: RING_KEY, clock, random, ...rest })
  }

  /** Sessions of a node of the ring, without links. */
  async sessions(): Promise<Sessions> {
    const { clock } = this
    const socket = this.network.host().socket()
    return new Sessions({
      socket,
      identity: keyPairOfNode(await createIdentity()),
      ringKey: RING_KEY,
      clock,
      random: this.#random.fork(),
    })
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.complete(promise, LIMIT_MS)
  }

  async until(condition: () => boolean): Promise<void> {
    assert.equal(await this.clock.runUntilTrue(condition, LIMIT_MS), true, `never came true: ${condition}`)
  }

  async stop(): Promise<void> {}
}

export class LoopbackUdp extends RealWorld<UdpLinksOptions, UdpLinks> {
  constructor() {
    super(async (options) =>
      openUdpLinks({
        identity: await createIdentity(),
        listen: ['/ip4/127.0.0.1/udp/0'],
        announce: [],
        ringKey: RING_KEY,
        clock: new SystemClock(),
        random: new SystemRandom(),
        log: SILENT,
        ...options,
      }),
    )
  }
}
