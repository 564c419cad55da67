/** Real sockets and real HTTP to a router. Every socket is this node's address on that network, so none goes another way. */

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { request } from 'node:http'
import type { Counters } from '../../core/counters.ts'
import { codeOf } from '../../core/errors.ts'
import { formatIp4, type Ip4 } from '../../core/ip.ts'
import type { UdpEndpoint } from '../../underlay/datagrams.ts'
import { ipOf, portOf, udpEndpoint } from '../../underlay/udp-endpoint.ts'
import { ANNOUNCEMENT_PORT, MAX_HTTP_BYTES } from './constants.ts'
import type { GatewaySocket, HttpAnswer, HttpRequest, MappingNet } from './ways.ts'

/** A search stays on the network and those next to it (UPnP Device Architecture 1.1, section 1.2.1). */
const MULTICAST_HOPS = 2

export class RealMappingNet implements MappingNet {
  readonly #counters: Counters

  constructor(counters: Counters) {
    this.#counters = counters
  }

  async openSocket(own: Ip4, to?: { readonly ip: Ip4; readonly port: number }): Promise<GatewaySocket> {
    const socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) })
    try {
      const ready = once(socket, to === undefined ? 'listening' : 'connect')
      socket.bind({ address: formatIp4(own), port: 0 }, () => {
        if (to !== undefined) socket.connect(to.port, formatIp4(to.ip))
      })
      await ready
      if (to === undefined) {
        socket.setMulticastInterface(formatIp4(own))
        socket.setMulticastTTL(MULTICAST_HOPS)
      }
      return new NodeGatewaySocket(socket, to !== undefined, this.#counters)
    } catch (error) {
      socket.close()
      throw error
    }
  }

  /** Other programs of this machine may listen there, too. */
  async openEar(): Promise<GatewaySocket> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    try {
      const ready = once(socket, 'listening')
      socket.bind(ANNOUNCEMENT_PORT)
      await ready
      return new NodeGatewaySocket(socket, false, this.#counters)
    } catch (error) {
      socket.close()
      throw error
    }
  }

  /** Follows no redirection, and keeps no connection. */
  exchange(own: Ip4, { method, url, headers, body = '' }: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const length = { 'Content-Length': Buffer.byteLength(body), Connection: 'close' }
      const asked = request(
        url,
        { method, agent: false, localAddress: formatIp4(own), headers: { ...headers, ...length }, signal },
        (answer) => {
          const parts: Buffer[] = []
          let bytes = 0
          answer.on('error', reject)
          answer.on('data', (part: Buffer) => {
            bytes += part.length
            parts.push(part)
            if (bytes > MAX_HTTP_BYTES) answer.destroy(new Error('the answer is too long'))
          })
          answer.on('end', () => {
            resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') })
          })
        },
      )
      asked.on('error', reject)
      asked.end(body)
    })
  }
}

class NodeGatewaySocket implements GatewaySocket {
  readonly #socket: Socket
  readonly #isConnected: boolean
  readonly #counters: Counters
  #refused: () => void = () => {}
  #closed = false

  constructor(socket: Socket, isConnected: boolean, counters: Counters) {
    this.#socket = socket
    this.#isConnected = isConnected
    this.#counters = counters
    socket.on('error', this.#lost)
  }

  send(datagram: Uint8Array, to: UdpEndpoint): void {
    if (this.#closed) return
    if (this.#isConnected) this.#socket.send(datagram, this.#lost)
    else this.#socket.send(datagram, portOf(to), ipOf(to), this.#lost)
  }

  set onDatagram(handler: (datagram: Uint8Array, from: UdpEndpoint) => void) {
    this.#socket.on('message', (datagram, { address, port }) => {
      const from = udpEndpoint(address, port)
      if (from !== undefined) handler(datagram, from)
    })
  }

  set onRefused(handler: () => void) {
    this.#refused = handler
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.close()
  }

  /** The system's errors lose a datagram, and are counted. On a socket to one endpoint one of them says that nobody is there. */
  readonly #lost = (error: unknown) => {
    const code = codeOf(error)
    if (error === null || error === undefined) return
    this.#counters.drop(code ?? 'error')
    if (code === 'ECONNREFUSED') this.#refused()
  }
}
