/** Whether a ring is whole. */

import type { Address } from '../agent/overlay/address.ts'
import type { Ring } from '../agent/overlay/ring.ts'

/** The nodes that do not say that they are correctly connected, or whose neighbours are not the true ones. */
export function brokenNodes<Node extends { readonly ring: Ring }>(nodes: ReadonlyMap<Address, Node>): Node[] {
  const all = [...nodes.keys()].sort((a, b) => (a < b ? -1 : 1))
  return all.flatMap((address, i) => {
    const node = nodes.get(address)!
    const { ring } = node
    if (all.length === 1) return ring.correctlyConnected ? [] : [node]
    const left = all[(i + all.length - 1) % all.length]
    const right = all[(i + 1) % all.length]
    return ring.correctlyConnected && ring.neighbor('left') === left && ring.neighbor('right') === right ? [] : [node]
  })
}
