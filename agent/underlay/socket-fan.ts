/**
 * Ways through a NAT that gives each far end another port, to a node whose own NAT lets in only whom it has sent to: neither
 * can name the port that the other must send to. So this side opens many sockets towards one endpoint, and the far side
 * sends probes to random ports (`spray`). The first socket that hears one is kept.
 *
 * Guarantees: at most `PROBES_PER_S` datagrams leave a second, from each side. Every socket but the one kept is closed.
 */

import { equal } from '../core/bytes.ts'
import { type Clock, sleep } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { FAN_LIMIT_MS, FAN_SOCKETS, PROBES_PER_S } from './constants.ts'
import type { DatagramSocket, UdpEndpoint } from './datagrams.ts'
import { parsePacket, probe } from './packets.ts'
import { udpEndpoint } from './udp-endpoint.ts'

const FIRST_PORT = 1_024
const PORTS = 65_536 - FIRST_PORT

/** A socket of a fan that hears the far side, and where that is. */
export interface Hit<S extends DatagramSocket> {
  readonly socket: S
  readonly from: UdpEndpoint
}

/** Opens sockets until one hears a probe with `nonce`. Undefined: none did in time, or `signal` ended it. */
export async function fanOut<S extends DatagramSocket>(
  parts: { openSocket: () => Promise<S>; to: UdpEndpoint; nonce: Uint8Array; clock: Clock },
  signal: AbortSignal,
): Promise<Hit<S> | undefined> {
  const { openSocket, to, nonce, clock } = parts
  const sockets: S[] = []
  let hit: Hit<S> | undefined
  const isOver = () => hit !== undefined || signal.aborted
  const open = async () => {
    if (sockets.length >= FAN_SOCKETS) return
    const socket = await openSocket()
    sockets.push(socket)
    socket.onDatagram = (datagram, from) => {
      const packet = parsePacket(datagram)
      if (packet?.kind === 'probe' && equal(packet.nonce, nonce)) hit ??= { socket, from }
    }
    socket.send(probe(nonce), to)
  }
  try {
    await paced(clock, isOver, open)
    return hit
  } finally {
    for (const socket of sockets) if (socket !== hit?.socket) socket.close()
  }
}

/** Sends probes with `nonce` to random ports of `ip`, each once, until `signal` ends it or the time is over. */
export async function spray(
  parts: { socket: Pick<DatagramSocket, 'send'>; ip: string; nonce: Uint8Array; clock: Clock; random: Random },
  signal: AbortSignal,
): Promise<void> {
  const { socket, ip, nonce, clock, random } = parts
  const tried = new Set<number>()
  const one = () => {
    let port: number
    do port = FIRST_PORT + random.below(PORTS)
    while (tried.has(port))
    tried.add(port)
    const to = udpEndpoint(ip, port)
    if (to !== undefined) socket.send(probe(nonce), to)
  }
  await paced(clock, () => signal.aborted, one)
}

/** Does something `PROBES_PER_S` times a second, until it is over. @throws what `task` threw */
async function paced(clock: Clock, isOver: () => boolean, task: () => void | Promise<void>): Promise<void> {
  const endAt = clock.now() + FAN_LIMIT_MS
  for (let at = clock.now(); at < endAt && !isOver(); at += 1_000 / PROBES_PER_S) {
    await task()
    await sleep(clock, Math.max(0, at + 1_000 / PROBES_PER_S - clock.now()))
  }
}
