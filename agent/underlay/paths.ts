/** Where UDP datagrams reach a node directly, for those who send theirs beside its session. */

import type { LanePath } from '../native/lanes.ts'
import type { Address } from '../overlay/address.ts'

export interface Paths {
  /** undefined: the node is reached only through others, or not over UDP. */
  pathTo(peer: Address): LanePath | undefined
  /** The path to a node is there, is gone, or is another. */
  set onPath(handler: (peer: Address) => void)
  /** Something authentic of the node came from there: its session asks whether the node has moved. */
  heardFrom(peer: Address, ip: string, port: number): void
}
