/** What every tunnel offers to the benchmark. */

import type { Pair } from './pair.ts'

/** A tunnel that carries packets. */
export interface Tunnel {
  /** The right host's address inside it. */
  readonly target: string
  /** The tunnel's device on the right host. */
  readonly device: string
}

/** Name of a program to the words that start it. */
export type Programs = (name: string) => readonly string[]

export interface Peer {
  /** As `PEERS=` names it. */
  readonly name: string
  /** Packages of Debian sid with its programs. */
  readonly packages: readonly string[]
  /** Starts it on both hosts as its manual recommends. */
  readonly open: (pair: Pair, programs: Programs) => Promise<Tunnel>
}
