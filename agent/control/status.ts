/** `wow status`, `wow peers` and `wow leases` as JSON (docs/interfaces.md): stable names, null for unknown values. */

import { formatCidr, formatIp4 } from '../core/ip.ts'
import type { MachineFacts } from '../host/machine.ts'
import type { RingKind } from '../namespace/record.ts'
import { type Address, formatAddress } from '../overlay/address.ts'
import type { PathKind } from '../overlay/link.ts'
import type { MappingFacts } from '../transport/mapping/port-mapping.ts'
import type { MappingProtocol } from '../transport/mapping/ways.ts'
import type { NatMapping } from '../transport/udp/outer-endpoints.ts'
import type { AgentFacts, HeldLease } from './facts.ts'
import type { Failed, PhaseFields } from './phases.ts'
import { whyNotBetter } from './why-not.ts'

export interface LeaseStatus {
  readonly ip: string
  readonly mac: string
  readonly expiresInS: number
}

export interface PeerStatus {
  readonly address: string
  readonly roles: readonly string[]
  readonly relayed: boolean
  readonly remote: string
  readonly kind: PathKind
  /** The node that a relayed link goes through. */
  readonly through: string | null
  readonly rttMs: number | null
  /** Share of what was lately sent that got lost and was sent again, 0 to 1; null over TCP. */
  readonly loss: number | null
  /** Why the path is no better one; null when there is none. */
  readonly whyNotBetter: string | null
}

export interface PortMappingStatus {
  readonly protocol: MappingProtocol
  /** `192.0.2.1:4001` over UDP, and the same over TCP. */
  readonly outer: string
  readonly tcp: string | null
  readonly expiresInS: number
}

export interface UdpStatus {
  /** Of the NATs before this node: `none`, `predictable` (one outer endpoint for all), `random`, `unknown`. */
  readonly mapping: NatMapping
  /** Where others see this node that it does not listen. */
  readonly outer: readonly string[]
  /** Where the router lets others in; null: nowhere. */
  readonly portMapping: PortMappingStatus | null
  /** After how long a silence something is said on a link that is no neighbour's, and whether that was measured. */
  readonly keepAliveMs: number
  readonly keepAliveMeasured: boolean
  /** Whether the kernel joins datagrams that came together (UDP_GRO), and cuts long ones into datagrams (UDP_SEGMENT). */
  readonly sockets: readonly { readonly at: string; readonly gro: boolean; readonly gso: boolean }[]
}

export interface Status {
  readonly phase: string
  readonly peerId: string | null
  readonly address: string | null
  readonly ring: {
    /** `own`: only nodes with the ring's key are linked; `shared`: anybody. */
    readonly kind: RingKind
    readonly correctlyConnected: boolean
    readonly left: string | null
    readonly right: string | null
    readonly near: number
    readonly far: number
    readonly estimatedSize: number
    readonly onDemand: number
    readonly alone: boolean
  }
  readonly namespace: { readonly id: string; readonly name: string; readonly pool: string } | null
  readonly leases: readonly LeaseStatus[]
  readonly timings: {
    /** From the process's start until correctly connected, and until the first lease, ms. */
    readonly connectedMs: number | null
    readonly leasedMs: number | null
    readonly addressesTried: number | null
  }
  readonly tunnels: readonly {
    readonly ip: string
    readonly peerId: string | null
    readonly carrier: string
    readonly rttMs: number | null
    readonly txBytes: number
    readonly rxBytes: number
  }[]
  readonly links: readonly PeerStatus[]
  /** null before the node listens. */
  readonly udp: UdpStatus | null
  readonly tap: string | null
  readonly endpoints: readonly string[]
  readonly phases: readonly { readonly name: string; readonly ms: number | null; readonly fields: PhaseFields }[]
  readonly failed: Failed | null
  readonly counters: Readonly<Record<string, number>>
  readonly machine: MachineFacts | null
  readonly version: string
  readonly pid: number
}

export function statusOf(facts: AgentFacts): Status {
  const { phases, ring, namespace } = facts
  const signed = namespace?.signed ?? facts.carried
  return {
    phase: phases.current,
    peerId: facts.peerId ?? null,
    address: hexOrNull(facts.address),
    ring: {
      kind: facts.ringKind,
      correctlyConnected: ring?.correctlyConnected ?? false,
      left: hexOrNull(ring?.left),
      right: hexOrNull(ring?.right),
      near: ring?.near ?? 0,
      far: ring?.far ?? 0,
      estimatedSize: Math.round(ring?.estimatedSize ?? 0),
      onDemand: ring?.onDemand ?? 0,
      alone: facts.alone,
    },
    namespace:
      signed === undefined ? null : { id: signed.id, name: signed.record.name, pool: formatCidr(signed.record.pool) },
    leases: leasesOf(facts),
    timings: {
      connectedMs: phases.get('connected')?.ms ?? null,
      leasedMs: phases.get('leased')?.ms ?? null,
      addressesTried: namespace?.addressesTried ?? null,
    },
    tunnels: (namespace?.tunnels ?? []).map(({ ip, peerId, carrier, rttMs, txBytes, rxBytes }) => ({
      ip: formatIp4(ip),
      peerId: peerId ?? null,
      carrier,
      rttMs: tenths(rttMs),
      txBytes,
      rxBytes,
    })),
    links: peersOf(facts),
    udp: udpOf(facts),
    tap: namespace?.tap ?? null,
    endpoints: facts.endpoints,
    phases: phases.expected.map((name) => {
      const reached = phases.get(name)
      return { name, ms: reached?.ms ?? null, fields: reached?.fields ?? {} }
    }),
    failed: phases.failed ?? null,
    counters: namespace?.counters ?? {},
    machine: facts.machine ?? null,
    version: facts.version,
    pid: process.pid,
  }
}

function portMappingOf(mapping: MappingFacts | undefined): PortMappingStatus | null {
  if (mapping === undefined) return null
  const { protocol, udp, tcp, expiresInS } = mapping
  return { protocol, outer: udp, tcp: tcp ?? null, expiresInS }
}

export function leasesOf({ namespace }: AgentFacts): LeaseStatus[] {
  const status = ({ ip, mac, expiresInS }: HeldLease) => ({ ip: formatIp4(ip), mac, expiresInS })
  return (namespace?.leases ?? []).map(status)
}

export function peersOf({ ring, links }: AgentFacts): PeerStatus[] {
  const mapping = links?.place.mapping ?? 'unknown'
  return (ring?.links ?? []).map((link) => ({
    address: formatAddress(link.peer),
    roles: link.roles,
    relayed: link.relayed,
    remote: link.remote,
    kind: link.kind,
    through: hexOrNull(link.through),
    rttMs: tenths(link.rttMs),
    loss: link.loss === undefined ? null : Math.round(link.loss * 1_000) / 1_000,
    whyNotBetter: whyNotBetter(link, mapping) ?? null,
  }))
}

function udpOf({ links }: AgentFacts): UdpStatus | null {
  if (links === undefined) return null
  const { mapping, outer, keepAliveMs, isKeepAliveMeasured, sockets } = links.place
  const portMapping = portMappingOf(links.mapping)
  return { mapping, outer, portMapping, keepAliveMs, keepAliveMeasured: isKeepAliveMeasured, sockets }
}

function tenths(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10
}

function hexOrNull(address: Address | undefined): string | null {
  return address === undefined ? null : formatAddress(address)
}
