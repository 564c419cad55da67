/**
 * The libp2p node under the links: TCP, Noise, Yamux, and both ends of circuit relay v2, with defaults that suit a ring
 * of many small nodes. It does not decide which nodes to dial or keep.
 */

import './polyfill.ts'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { type CircuitRelayService, circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Libp2p, PeerId, PrivateKey, Transport } from '@libp2p/interface'
import { createLibp2p } from 'libp2p'
import type { Clock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import { SystemRandom } from '../../core/random.ts'
import { INBOUND_PER_HOST, MAX_CONNECTIONS, MAX_PENDING, MAX_RELAY_STREAMS, MAX_RESERVATIONS } from '../constants.ts'
import { corkedTcp } from './corked-tcp.ts'
import { keyShowingTcp } from './key-showing-tcp.ts'
import { onOpenPorts } from './open-ports.ts'
import { quietLogger } from './quiet-logger.ts'
import { noisePrologue, RingGate } from './ring-gate.ts'
import { SOCKET, type TcpPort } from './tcp-port.ts'

const TCP = corkedTcp({ dialOpts: SOCKET, listenOpts: SOCKET })

type RelayComponents = Parameters<ReturnType<typeof circuitRelayTransport>>[0]
export type TransportManager = RelayComponents['transportManager']

/** The members of libp2p's client-side store of relay reservations that this code uses and its types omit. */
export interface ReservationStore {
  /** Reserves a slot and keeps it fresh while the connection is up. @throws when the relay refuses */
  addRelay(relay: PeerId, type: 'configured'): Promise<{ details: { connection: string } }>
  addEventListener(type: 'relay:removed', listener: (event: CustomEvent<{ relay: PeerId }>) => void): void
}

export interface Libp2pNode {
  readonly libp2p: Libp2p
  readonly transports: TransportManager
  /** Reservations that others hold with us. */
  readonly granted: CircuitRelayService['reservations']
  /** Reservations that we hold with others. */
  readonly reserved: ReservationStore
}

export interface Libp2pNodeOptions {
  readonly privateKey: PrivateKey
  /** The key of a ring of its own: nobody is connected who does not have it. undefined: a shared ring. */
  readonly ringKey: Uint8Array | undefined
  /** Ports that are open already and that it takes over when it is told to listen there. */
  readonly ports?: readonly TcpPort[]
  readonly clock: Clock
  readonly log: Log
}

/** A started node that listens nowhere yet. */
export async function startLibp2pNode(options: Libp2pNodeOptions): Promise<Libp2pNode> {
  const { privateKey, ringKey, ports = [], clock, log } = options
  const dialled =
    ringKey === undefined ? TCP : keyShowingTcp(TCP, new RingGate({ ringKey, clock, random: new SystemRandom() }))
  let relayTransport: Transport | undefined
  let transports: TransportManager | undefined
  const libp2p = await createLibp2p({
    privateKey,
    logger: quietLogger(log),
    addresses: { listen: [] },
    transports: [
      onOpenPorts(dialled, ports),
      (components: RelayComponents) => {
        transports = components.transportManager
        relayTransport = createRelayTransport(components)
        return relayTransport
      },
    ],
    connectionEncrypters: [noise(ringKey === undefined ? {} : { prologueBytes: noisePrologue(ringKey) })],
    streamMuxers: [yamux()],
    // The ring has its own heartbeats and repairs itself: libp2p must neither ping nor redial.
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      inboundConnectionThreshold: INBOUND_PER_HOST,
      maxIncomingPendingConnections: MAX_PENDING,
      reconnectRetries: 0,
    },
    services: {
      // Answers questions but asks none: our nodes know each other's protocols, and a question costs a round trip.
      identify: identify({ runOnConnectionOpen: false }),
      relay: circuitRelayServer({
        maxInboundHopStreams: MAX_RELAY_STREAMS,
        maxOutboundHopStreams: MAX_RELAY_STREAMS,
        maxOutboundStopStreams: MAX_RELAY_STREAMS,
        reservations: { applyDefaultLimit: false, maxReservations: MAX_RESERVATIONS },
      }),
    },
  })
  if (transports === undefined || relayTransport === undefined || !hasReservations(relayTransport)) {
    await libp2p.stop()
    throw new TypeError('this version of @libp2p/circuit-relay-v2 keeps its reservations elsewhere')
  }
  return {
    libp2p,
    transports,
    granted: libp2p.services.relay.reservations,
    reserved: relayTransport.reservationStore,
  }
}

/**
 * The client side of circuit relay, without its own choice of relays. By itself it would reserve a slot with every node
 * it meets and listen through every relay that dials it, and each such listener would stay for good. `relay-slots.ts`
 * chooses instead.
 */
function createRelayTransport(components: RelayComponents): Transport {
  const transportManager: TransportManager = Object.create(components.transportManager, {
    listen: { value: async () => {} },
  })
  return circuitRelayTransport({
    maxInboundStopStreams: MAX_RELAY_STREAMS,
    maxOutboundStopStreams: MAX_RELAY_STREAMS,
    discoveryFilter: { has: () => true, add() {}, remove() {} },
  })({
    // One by one: libp2p passes its components as a proxy, and a spread of it is empty.
    peerId: components.peerId,
    peerStore: components.peerStore,
    connectionManager: components.connectionManager,
    connectionGater: components.connectionGater,
    addressManager: components.addressManager,
    registrar: components.registrar,
    upgrader: components.upgrader,
    randomWalk: components.randomWalk,
    events: components.events,
    logger: components.logger,
    transportManager,
  })
}

function hasReservations(transport: Transport): transport is Transport & { reservationStore: ReservationStore } {
  if (!('reservationStore' in transport)) return false
  const store = transport.reservationStore
  return typeof store === 'object' && store !== null && 'addRelay' in store && typeof store.addRelay === 'function'
}
