/** Opens real UDP sockets and makes a link layer of them. */

import type { Clock } from '../../core/clock.ts'
import { Counters } from '../../core/counters.ts'
import { codeOf, InputError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { Lanes } from '../../native/lanes.ts'
import type { DatagramSocket, UdpEndpoint } from '../../underlay/datagrams.ts'
import { KeepAlive } from '../../underlay/keep-alive.ts'
import { LaneSocket } from '../../underlay/lane-socket.ts'
import { isIp6, udpEndpoint } from '../../underlay/udp-endpoint.ts'
import { BothFamilies, openUdpSocket, type UdpSocket } from '../../underlay/udp-socket.ts'
import { DialRules } from '../dial-rules.ts'
import { parseListen, udpMultiaddr } from '../endpoints.ts'
import { HiddenNetworks } from '../hidden-networks.ts'
import type { Identity } from '../identity.ts'
import { listenFailure } from '../listen-failure.ts'
import { MachineAddresses } from '../machine-addresses.ts'
import type { SocketFacts } from './facts.ts'
import type { SideOpener } from './hard-nats.ts'
import { UdpLinks } from './links.ts'

export interface UdpLinksOptions {
  readonly identity: Identity
  /** Where to listen, such as `/ip4/0.0.0.0/udp/4001`: one address of each family at most. */
  readonly listen: readonly string[]
  /** Where others reach this node besides (a public address with port forwarding). */
  readonly announce: readonly string[]
  /** The key of a ring of its own; undefined: a shared ring, which anybody may join. */
  readonly ringKey?: Uint8Array | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Network interfaces whose addresses others must not learn: the overlay's own taps. */
  readonly hiddenInterfaces?: readonly string[]
  /** Tables of a fast path: the sockets are the addon's then. */
  readonly lanes?: Lanes | undefined
  /** Of the node's links over TCP, which learn what a user gives too; undefined: this layer's own. */
  readonly rules?: DialRules
}

/** `handle`: for the tables of a fast path. */
type OpenSocket = (UdpSocket & { readonly handle?: undefined }) | LaneSocket

/** A node that only dials needs a socket too. */
const ANY_IP4 = '0.0.0.0'
const ANY_PORT = `/ip4/${ANY_IP4}/udp/0`

/** @throws InputError when an address is malformed or cannot be listened on, or two are of one family */
export async function openUdpLinks(options: UdpLinksOptions): Promise<UdpLinks> {
  const { identity, clock, random, ringKey } = options
  const announce = options.announce.map((text) => parseListen(text, 'announce', 'udp').toString())
  const drops = new Counters()
  const sockets = new Map<string, OpenSocket>()
  try {
    for (const text of options.listen.length > 0 ? options.listen : [ANY_PORT]) {
      await open(text, sockets, drops, options)
    }
    const machine = new MachineAddresses(options.hiddenInterfaces ?? [], clock)
    const listening = () =>
      options.listen.length === 0
        ? []
        : [...sockets].flatMap(([ip, { port }]) => endpointsAt(machine.reachedBy(ip), port))
    const socket = asOne([...sockets.values()])
    const socketOf = (to: UdpEndpoint) => [...sockets.values()].find((socket) => socket.isIp6 === isIp6(to))
    const reaches = (to: UdpEndpoint) => socketOf(to) !== undefined
    const socketFor = (to: UdpEndpoint) => socketOf(to)?.handle
    const ownRules = () =>
      new DialRules({
        hidden: new HiddenNetworks(options.hiddenInterfaces ?? [], () => clock.now()),
        listening: () => listening().map((endpoint) => udpMultiaddr(endpoint).toString()),
        clock,
      })
    const { rules = ownRules() } = options
    const ipFor = (to: UdpEndpoint) => [...sockets].find(([, socket]) => socket === socketOf(to))?.[0] ?? ''
    const silence = new KeepAlive({ clock, random, openSocket: (to) => openUdpSocket(ipFor(to), 0, drops) })
    const links = new UdpLinks({
      identity,
      socket,
      opener: sideOpener(drops, options.lanes, (side) => watch(side)),
      ringKey,
      listening,
      announce,
      reaches,
      rules,
      clock,
      random,
      drops,
      socketFor,
      setGate: options.lanes && ((keys) => options.lanes?.setGate(keys)),
      silence,
      sockets: [...sockets].flatMap(([ip, socket]) => factsOf(ip, socket)),
    })
    const watch = (lane: LaneSocket) => {
      lane.onRefused = (to) => links.refused(to)
    }
    for (const each of sockets.values()) {
      if (!(each instanceof LaneSocket)) continue
      watch(each)
      if (!each.joins) options.log.info('the kernel joins no datagrams (UDP_GRO): tunnels are slower')
    }
    return links
  } catch (error) {
    for (const socket of sockets.values()) socket.close()
    throw error
  }
}

/** Adds the socket that listens at `text`. An IPv6 address on a machine without IPv6 is only a warning. */
async function open(
  text: string,
  sockets: Map<string, OpenSocket>,
  drops: Counters,
  { lanes, log }: Pick<UdpLinksOptions, 'lanes' | 'log'>,
): Promise<void> {
  const [host, port] = parseListen(text, 'listen', 'udp').getComponents()
  const ip = host?.value ?? ''
  if ([...sockets.keys()].some((other) => other.includes(':') === ip.includes(':'))) {
    throw new InputError(
      'BAD_LISTEN_ADDRESS',
      `listen: "${text}" is a second UDP address of its family.`,
      'Give one UDP address for IPv4 and one for IPv6, such as /ip4/0.0.0.0/udp/4001.',
    )
  }
  try {
    const number = Number(port?.value)
    sockets.set(
      ip,
      lanes === undefined ? await openUdpSocket(ip, number, drops) : new LaneSocket(lanes, ip, number, drops),
    )
  } catch (error) {
    const code = codeOf(error) ?? 'unknown reason'
    if (code !== 'EAFNOSUPPORT') throw listenFailure(text, code, error)
    log.warn('this machine has no IPv6', { listen: text })
  }
}

/** Sockets beside the main one are Node's, which cost little, and the addon's once they stay. */
function sideOpener(drops: Counters, lanes: Lanes | undefined, onKept: (lane: LaneSocket) => void): SideOpener {
  const open = () => openUdpSocket(ANY_IP4, 0, drops)
  if (lanes === undefined) return { open, keep: async (socket) => socket }
  return {
    open,
    keep: async (socket) => {
      socket.close()
      const lane = new LaneSocket(lanes, ANY_IP4, socket.port, drops)
      onKept(lane)
      return lane
    },
  }
}

function factsOf(ip: string, socket: OpenSocket): SocketFacts[] {
  const { joins, segments } = socket instanceof LaneSocket ? socket : { joins: false, segments: false }
  return endpointsAt([ip], socket.port).map((at) => ({ at, gro: joins, gso: segments }))
}

function endpointsAt(ips: readonly string[], port: number): UdpEndpoint[] {
  return ips.flatMap((ip) => udpEndpoint(ip, port) ?? [])
}

/** @throws InputError when there is no socket */
function asOne(sockets: readonly OpenSocket[]): DatagramSocket {
  const [first, second] = sockets
  if (first === undefined) throw listenFailure('UDP', 'no address of a family that this machine has', undefined)
  if (second === undefined) return first
  return first.isIp6 ? new BothFamilies(second, first) : new BothFamilies(first, second)
}
