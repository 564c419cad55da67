/** A made-up home router in virtual time, and a node behind it. */

import { Counters } from '../../../agent/core/counters.ts'
import { formatIp4, type Ip4, ip4Bytes, parseIp4 } from '../../../agent/core/ip.ts'
import { SILENT } from '../../../agent/core/log.ts'
import { PortMapping, type PortMappingParts } from '../../../agent/transport/mapping/port-mapping.ts'
import type {
  GatewaySocket,
  HttpAnswer,
  HttpRequest,
  MappingNet,
  Uplink,
} from '../../../agent/transport/mapping/ways.ts'
import type { UdpEndpoint } from '../../../agent/underlay/datagrams.ts'
import { udpEndpoint } from '../../../agent/underlay/udp-endpoint.ts'
import { DatagramNetwork } from '../../../sim/datagram-network.ts'
import { SeededRandom } from '../../../sim/seeded-random.ts'
import { VirtualClock } from '../../../sim/virtual-clock.ts'

export const GATEWAY = parseIp4('192.168.1.1')!
export const OWN = parseIp4('192.168.1.2')!
export const OUTSIDE = parseIp4('203.0.113.9')!
export const PORT = 4001
const SECRET = new Uint8Array(32).fill(3)

/** What it answers by, what it was asked, and what it maps: `udp 4001` -> the lifetime that was asked for. */
export class Router {
  speaks: 'pcp' | 'nat-pmp' | 'both' | 'nothing' = 'both'
  outside: Ip4 = OUTSIDE
  /** The error that it answers with; 0: none. */
  error = 0
  /** Changes an answer before it is sent; undefined: none is sent. */
  alter: (answer: Uint8Array) => Uint8Array | undefined = (answer) => answer
  readonly asked: Uint8Array[] = []
  readonly mappings = new Map<string, number>()
  #startedAt = 0
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  /** Forgets its mappings, as when it was switched off. */
  restart(): void {
    this.mappings.clear()
    this.#startedAt = this.#clock.now()
  }

  answer(request: Uint8Array): Uint8Array | undefined {
    this.asked.push(request)
    if (this.speaks === 'nothing') return undefined
    if (request[0] === 2) return this.speaks === 'nat-pmp' ? this.#otherVersion(request) : this.#pcp(request)
    return this.speaks === 'pcp' ? undefined : this.#natPmp(request)
  }

  get #epochS(): number {
    return Math.floor((this.#clock.now() - this.#startedAt) / 1000)
  }

  #otherVersion(request: Uint8Array): Uint8Array {
    const answer = Uint8Array.of(0, 0x80 | request[1]!, 0, 1, 0, 0, 0, 0)
    new DataView(answer.buffer).setUint32(4, this.#epochS)
    return answer
  }

  #pcp(request: Uint8Array): Uint8Array {
    const answer = Uint8Array.from(request)
    const view = new DataView(answer.buffer)
    const lifetimeS = view.getUint32(4)
    view.setUint8(1, 0x81)
    view.setUint8(3, this.error)
    view.setUint32(8, this.#epochS)
    answer.fill(0, 12, 24)
    if (this.error === 0) this.#keep(answer[36] === 17 ? 'udp' : 'tcp', view.getUint16(42), lifetimeS)
    answer.set(ip4Bytes(this.outside), 56)
    return answer
  }

  #natPmp(request: Uint8Array): Uint8Array {
    const opcode = request[1]!
    const answer = new Uint8Array(opcode === 0 ? 12 : 16)
    const view = new DataView(answer.buffer)
    view.setUint8(1, 0x80 | opcode)
    view.setUint16(2, this.error)
    view.setUint32(4, this.#epochS)
    if (opcode === 0) answer.set(ip4Bytes(this.outside), 8)
    else {
      const asked = new DataView(request.buffer, request.byteOffset)
      if (this.error === 0) this.#keep(opcode === 1 ? 'udp' : 'tcp', asked.getUint16(6), asked.getUint32(8))
      answer.set(request.subarray(4, 12), 8)
    }
    return answer
  }

  #keep(carrier: string, port: number, lifetimeS: number): void {
    if (lifetimeS > 0) this.mappings.set(`${carrier} ${port}`, lifetimeS)
    else for (const name of [...this.mappings.keys()]) if (name.startsWith(carrier)) this.mappings.delete(name)
  }
}

export class Home {
  readonly clock = new VirtualClock()
  readonly network = new DatagramNetwork(this.clock, new SeededRandom(1))
  readonly router = new Router(this.clock)
  readonly counters = new Counters()
  readonly told: (string | undefined)[] = []
  readonly logged: string[] = []
  /** Sockets of the node that are open. */
  readonly sockets: GatewaySocket[] = []
  /** Those that hear announcements. */
  ears = 0
  /** The router that the node sees. */
  uplink: Uplink | undefined = { device: 'eth0', gateway: GATEWAY, own: OWN }
  http: (request: HttpRequest) => HttpAnswer | undefined = () => undefined
  readonly #node = this.network.host(undefined, formatIp4(OWN))

  /** The router's machine. */
  readonly machine = this.network.host(undefined, formatIp4(GATEWAY))
  readonly #control = this.machine.socket(5351)
  #asker: UdpEndpoint | undefined
  #onAnnouncement: (datagram: Uint8Array, from: UdpEndpoint) => void = () => {}

  constructor() {
    this.#control.onDatagram = (request, from) => {
      this.#asker = from
      const answer = this.router.answer(request)
      const altered = answer && this.router.alter(answer)
      if (altered !== undefined) this.send(altered)
    }
  }

  /** The router sends this to whoever asked it last. */
  send(datagram: Uint8Array): void {
    if (this.#asker !== undefined) this.#control.send(datagram, this.#asker)
  }

  /** The router says to all that it has started anew; `from`: or somebody else does. */
  announce(from = udpEndpoint(formatIp4(GATEWAY), 5351)!): void {
    this.#onAnnouncement(Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 0, ...ip4Bytes(OUTSIDE)), from)
  }

  get net(): MappingNet {
    return {
      openEar: async () => {
        const ear: GatewaySocket = {
          send: () => {},
          onDatagram: () => {},
          onRefused: () => {},
          close: () => {
            this.ears--
          },
        }
        this.ears++
        this.#onAnnouncement = (datagram, from) => ear.onDatagram(datagram, from)
        return ear
      },
      openSocket: async () => {
        const socket = this.#node.socket()
        const open: GatewaySocket = {
          send: (datagram, to) => socket.send(datagram, to),
          set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void) {
            socket.onDatagram = handler
          },
          onRefused: () => {},
          close: () => {
            socket.close()
            this.sockets.splice(this.sockets.indexOf(open), 1)
          },
        }
        this.sockets.push(open)
        return open
      },
      exchange: (_own, request, signal) => {
        const answer = this.http(request)
        if (answer !== undefined) return Promise.resolve(answer)
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
        })
      },
    }
  }

  mapping(parts: Partial<PortMappingParts> = {}): PortMapping {
    const { clock, counters, net } = this
    return new PortMapping({
      net,
      clock,
      counters,
      uplink: () => this.uplink,
      port: PORT,
      secret: SECRET,
      admits: (ip) => ip >>> 24 !== 127,
      onChange: (mapped) => this.told.push(mapped?.udp),
      random: new SeededRandom(2),
      log: { ...SILENT, info: (message) => void this.logged.push(message) },
      ...parts,
    })
  }

  /** A mapping that has been asked for; 10 s pass. */
  async started(parts: Partial<PortMappingParts> = {}): Promise<PortMapping> {
    const mapping = this.mapping(parts)
    mapping.start()
    await this.clock.runFor(10_000)
    return mapping
  }
}
