/** What status, doctor and metrics may ask of a running agent; everything is read at the moment of asking. */

import type { CondorFacts } from '../condor/facts.ts'
import type { Ip4 } from '../core/ip.ts'
import type { MachineFacts } from '../host/machine.ts'
import type { Lease, LeaseFailure } from '../lease/lease.ts'
import type { RecordState } from '../namespace/keeper.ts'
import type { SignedRecord } from '../namespace/record.ts'
import type { Address } from '../overlay/address.ts'
import type { RingStatus } from '../overlay/ring-status.ts'
import type { Phases } from './phases.ts'

export interface AgentFacts {
  readonly version: string
  readonly stateFolder: string
  readonly phases: Phases
  readonly peerId: string | undefined
  readonly address: Address | undefined
  /** Where others can reach this node. */
  readonly endpoints: readonly string[]
  readonly ring: RingStatus | undefined
  /** No other node is known. */
  readonly alone: boolean
  readonly dhtReady: boolean
  /** Addresses that were tried at boot: given ones and remembered ones. */
  readonly bootstrap: readonly string[]
  readonly machine: MachineFacts | undefined
  readonly namespace: NamespaceFacts | undefined
}

/** Of a node that is a member of a namespace. */
export interface NamespaceFacts {
  readonly signed: SignedRecord
  readonly recordState: RecordState
  readonly recordDetail: string
  readonly tap: string
  readonly leases: readonly HeldLease[]
  /** Why the last client that asked got nothing; undefined when it got what it wanted. */
  readonly refused: LeaseFailure | undefined
  /** Addresses that went to other nodes, of clients that have no other yet. */
  readonly lost: readonly Ip4[]
  /** How many addresses were tried for the first lease (paper figure 6). */
  readonly addressesTried: number | undefined
  readonly tunnels: readonly TunnelFacts[]
  /** Frames by what became of them. */
  readonly counters: Readonly<Record<string, number>>
  /** Undefined: this machine is in no pool. */
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
