/** Facts of made-up agents. */

import type { AgentFacts, NamespaceFacts } from '../../agent/control/facts.ts'
import { PHASES, Phases, PLAIN_PHASES } from '../../agent/control/phases.ts'
import { type Mac, parseIp4 } from '../../agent/core/ip.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import type { RingStatus } from '../../agent/overlay/ring-status.ts'
import { noLinkCounts } from '../../agent/transport/link-counters.ts'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'
import { sampleNamespace } from '../namespace/samples.ts'

/** An agent that has just started. */
export function youngAgent(): AgentFacts {
  const phases = new Phases(PHASES, () => 5)
  phases.reach('started')
  return {
    version: '0.1.0',
    stateFolder: '/nowhere',
    phases,
    peerId: undefined,
    address: undefined,
    endpoints: [],
    links: undefined,
    ring: undefined,
    ringKind: 'shared',
    alone: false,
    dhtReady: false,
    bootstrap: ['/ip4/192.0.2.1/tcp/4001'],
    machine: undefined,
    namespace: undefined,
    carried: undefined,
  }
}

export function wholeRing(): RingStatus {
  const [left, right] = [toAddress(1n), toAddress(3n)]
  const path = { kind: 'direct', carrier: 'udp', through: undefined, loss: 0.0123, rttMs: 1.26 } as const
  const link = { roles: ['near'], relayed: false, remote: '/ip4/192.0.2.1/udp/4001', endpoints: [], ...path }
  return {
    correctlyConnected: true,
    left,
    right,
    near: 2,
    far: 0,
    onDemand: 0,
    estimatedSize: 3.4,
    malformedFrames: 0,
    excessFrames: 0,
    links: [
      { peer: left, ...link },
      { peer: right, ...link },
    ],
  }
}

/** A member with a lease and a tunnel; `lo` stands in for its tap, since every machine has one. */
export function member(): NamespaceFacts {
  return {
    signed: sampleNamespace().signed,
    recordState: 'alive',
    recordDetail: '',
    tap: 'lo',
    leases: [{ ip: parseIp4('10.128.0.7')!, mac: '02:00:00:00:00:01' as Mac, expiresInS: 100 }],
    refused: undefined,
    lost: [],
    addressesTried: 1,
    tunnels: [
      { ip: parseIp4('10.128.0.9')!, peerId: '12D3KooW', carrier: 'udp', rttMs: 1.23456, txBytes: 10, rxBytes: 20 },
    ],
    counters: { 'tap-in': 4 },
    condor: undefined,
  }
}

export function healthyMember(): AgentFacts {
  const phases = new Phases(PHASES, () => 1234)
  for (const name of PHASES) phases.reach(name)
  const known = { peerId: '12D3KooWself', address: toAddress(2n), endpoints: ['/ip4/192.0.2.7/tcp/4001'] }
  const links = {
    tcp: noLinkCounts(),
    udp: { ...noLinkCounts(), failedDials: 2 },
    datagrams: { 'drop-unknown-receiver': 3 },
    mapping: {
      protocol: 'pcp',
      udp: udpEndpoint('192.0.2.7', 4001)!,
      tcp: udpEndpoint('192.0.2.7', 4002),
      expiresInS: 3000,
    } as const,
    mappingOutcomes: { asked: 2 },
    place: {
      mapping: 'predictable' as const,
      outer: ['198.51.100.7:4001' as UdpEndpoint],
      keepAliveMs: 30_000,
      isKeepAliveMeasured: true,
      sockets: [{ at: '0.0.0.0:4001' as UdpEndpoint, gro: true, gso: false }],
    },
  }
  return { ...youngAgent(), ...known, links, phases, ring: wholeRing(), dhtReady: true, namespace: member() }
}

/** A plain overlay node that knows no other node. */
export function loneNode(): AgentFacts {
  const phases = new Phases(PLAIN_PHASES, () => 300)
  for (const name of PLAIN_PHASES) phases.reach(name)
  const alone = { ...wholeRing(), left: undefined, right: undefined, near: 0, links: [], estimatedSize: 1 }
  return { ...healthyMember(), phases, ring: alone, alone: true, bootstrap: [], namespace: undefined }
}
