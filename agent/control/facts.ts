/** A running agent's facts for status, doctor and metrics, as they are when asked. */

import type { CondorFacts } from '../condor/facts.ts'
import type { Ip4 } from '../core/ip.ts'
import type { MachineFacts } from '../host/machine.ts'
import type { Lease, LeaseFailure } from '../lease/lease.ts'
import type { RecordState } from '../namespace/keeper.ts'
import type { RingKind, SignedRecord } from '../namespace/record.ts'
import type { Address } from '../overlay/address.ts'
import type { RingStatus } from '../overlay/ring-status.ts'
import type { LinkCounters } from '../transport/link-counters.ts'
import type { MappingFacts } from '../transport/mapping/port-mapping.ts'
import type { PlaceFacts } from '../transport/udp/facts.ts'
import type { Phases } from './phases.ts'

export interface AgentFacts {
  readonly version: string
  readonly stateFolder: string
  readonly phases: Phases
  readonly peerId: string | undefined
  readonly address: Address | undefined
  /** Where others can reach this node. */
  readonly endpoints: readonly string[]
  /** undefined before the node listens. */
  readonly links: LinkFacts | undefined
  readonly ring: RingStatus | undefined
  readonly ringKind: RingKind
  /** No other node is known. */
  readonly alone: boolean
  readonly dhtReady: boolean
  /** Addresses tried at boot: given ones and remembered ones. */
  readonly bootstrap: readonly string[]
  readonly machine: MachineFacts | undefined
  readonly namespace: NamespaceFacts | undefined
  /** The namespace of a member without a tap. */
  readonly carried: SignedRecord | undefined
}

/** What went wrong on links, by what carries them. */
export interface LinkFacts {
  readonly tcp: Readonly<LinkCounters>
  readonly udp: Readonly<LinkCounters>
  /** Datagrams and sessions of UDP counted by their fate. */
  readonly datagrams: Readonly<Record<string, number>>
  /** Where the router lets others in; undefined: nowhere. */
  readonly mapping: MappingFacts | undefined
  /** Questions to the router, and answers, counted by their fate. */
  readonly mappingOutcomes: Readonly<Record<string, number>>
  /** Where this node is, as others see it over UDP. */
  readonly place: PlaceFacts
}

/** The facts of a node that is a member of a namespace. */
export interface NamespaceFacts {
  readonly signed: SignedRecord
  readonly recordState: RecordState
  readonly recordDetail: string
  readonly tap: string
  readonly leases: readonly HeldLease[]
  /** Why the last client that asked for an address got none; undefined when it got one. */
  readonly refused: LeaseFailure | undefined
  /** Addresses lost to other nodes whose clients have no other address yet. */
  readonly lost: readonly Ip4[]
  /** How many addresses were tried for the first lease (paper figure 6). */
  readonly addressesTried: number | undefined
  readonly tunnels: readonly TunnelFacts[]
  /** Frames counted by their fate. */
  readonly counters: Readonly<Record<string, number>>
  /** undefined: this machine is in no pool. */
  readonly condor: CondorFacts | undefined
}

export interface HeldLease extends Pick<Lease, 'ip' | 'mac'> {
  /** Whole seconds until the owner must stop using it. */
  readonly expiresInS: number
}

export interface TunnelFacts {
  readonly ip: Ip4
  readonly peerId: string | undefined
  readonly carrier: string
  readonly rttMs: number | undefined
  readonly txBytes: number
  readonly rxBytes: number
}
