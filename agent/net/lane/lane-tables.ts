/** What the fast path needs of the addon's tables (agent/native/lanes.ts); the rest of the data path knows nothing else of them. */

import type { Ip4, Mac } from '../../core/ip.ts'
import type { LaneCounts, LanePath } from '../../native/lanes.ts'

/** See `Lanes`. */
export interface LaneTables {
  set onLane(handler: (index: number, packet: Uint8Array, from: { ip: string; port: number }) => void)
  open(index: number, remote: number, keys: LaneKeys): boolean
  setPath(index: number, path: LanePath | undefined, longest: number): void
  close(index: number): void
  send(index: number, packet: Uint8Array): boolean
  probe(index: number, length: number): boolean
  setRoute(ip: Ip4, index: number): void
  removeRoute(ip: Ip4): void
  setLocal(ip: Ip4, mac: Mac, forMs: number): void
  removeLocal(ip: Ip4): void
  permit(forMs: number): void
  counts(index: number): LaneCounts
  routeBytes(ip: Ip4): { readonly sent: number; readonly got: number }
  statistics(): Record<string, number>
}

/** AES-256-GCM, 32 bytes each. */
export interface LaneKeys {
  readonly send: Uint8Array
  readonly receive: Uint8Array
}
