/** `wow status`, `wow peers` and `wow leases` as JSON (docs/interfaces.md): stable names, null for unknown values. */

import { formatCidr, formatIp4 } from '../core/ip.ts'
import type { MachineFacts } from '../host/machine.ts'
import type { RingKind } from '../namespace/record.ts'
import { type Address, formatAddress } from '../overlay/address.ts'
import type { MappingProtocol } from '../transport/mapping/ways.ts'
import type { AgentFacts, HeldLease } from './facts.ts'
import type { Failed, PhaseFields } from './phases.ts'

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
  readonly tap: string | null
  readonly endpoints: readonly string[]
  readonly underlay: {
    /** Where the router lets others in: `192.0.2.1:4001` over UDP, and the same over TCP or null. null: nowhere. */
    readonly portMapping: {
      readonly protocol: MappingProtocol
      readonly outer: string
      readonly tcp: string | null
      readonly expiresInS: number
    } | null
  }
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
      rttMs: rttMs === undefined ? null : Math.round(rttMs * 10) / 10,
      txBytes,
      rxBytes,
    })),
    tap: namespace?.tap ?? null,
    endpoints: facts.endpoints,
    underlay: { portMapping: portMappingOf(facts) },
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

function portMappingOf({ links }: AgentFacts): Status['underlay']['portMapping'] {
  if (links?.mapping === undefined) return null
  const { protocol, udp, tcp, expiresInS } = links.mapping
  return { protocol, outer: udp, tcp: tcp ?? null, expiresInS }
}

export function leasesOf({ namespace }: AgentFacts): LeaseStatus[] {
  const status = ({ ip, mac, expiresInS }: HeldLease) => ({ ip: formatIp4(ip), mac, expiresInS })
  return (namespace?.leases ?? []).map(status)
}

export function peersOf({ ring }: AgentFacts): PeerStatus[] {
  return (ring?.links ?? []).map(({ peer, roles, relayed, remote }) => ({
    address: formatAddress(peer),
    roles,
    relayed,
    remote,
  }))
}

function hexOrNull(address: Address | undefined): string | null {
  return address === undefined ? null : formatAddress(address)
}
