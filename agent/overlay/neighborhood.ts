/**
 * Which nodes are next to each other: pure arithmetic on addresses.
 *
 * Left is the direction of falling addresses, right the direction of growing ones.
 */

import { ADDRESS_BITS, type Address, rightward } from './address.ts'

export type Side = 'left' | 'right'

export function opposite(side: Side): Side {
  return side === 'left' ? 'right' : 'left'
}

/** The way from `self` to `x` in the direction of `side`. */
export function walk(self: Address, side: Side, x: Address): bigint {
  return side === 'right' ? rightward(self, x) : rightward(x, self)
}

/** The `count` nearest of `addresses` to `side` of `self`, nearest first. */
export function nearest(self: Address, side: Side, addresses: Iterable<Address>, count: number): Address[] {
  const best: { address: Address; away: bigint }[] = []
  for (const address of addresses) {
    if (address === self) continue
    const away = walk(self, side, address)
    const last = best.at(-1)
    if (best.length === count && last !== undefined && away >= last.away) continue
    let place = best.length
    while (place > 0 && best[place - 1]!.away > away) place--
    best.splice(place, 0, { address, away })
    if (best.length > count) best.pop()
  }
  return best.map(({ address }) => address)
}

/** Whether two lists name the same nodes in the same order. */
export function isSameSide(a: readonly Address[], b: readonly Address[]): boolean {
  return a.length === b.length && a.every((address, i) => address === b[i])
}

/**
 * Estimates the ring's number of nodes from the spacing of those known around `self`.
 *
 * `left` and `right` are the known addresses on each side, nearest first, without gaps. When they meet or run round the
 * circle, the count is exact. Otherwise it is the circle divided by the mean gap, with a relative error of about
 * 1/sqrt(number of gaps).
 */
export function estimateSize(self: Address, left: readonly Address[], right: readonly Address[]): number {
  const known = new Set<Address>([self, ...left, ...right])
  const farLeft = left.at(-1)
  const farRight = right.at(-1)
  if (farLeft === undefined || farRight === undefined) return known.size
  const circle = 1n << BigInt(ADDRESS_BITS)
  const span = walk(self, 'left', farLeft) + walk(self, 'right', farRight)
  if (span >= circle || runsRound(self, 'left', left) || runsRound(self, 'right', right)) return known.size
  const gaps = BigInt(left.length + right.length)
  const estimate = Number((circle * gaps * 16n) / span) / 16
  return Math.max(known.size, Math.round(estimate))
}

function runsRound(self: Address, side: Side, addresses: readonly Address[]): boolean {
  return addresses.some(
    (address, i) => address === self || (i > 0 && walk(self, side, address) <= walk(self, side, addresses[i - 1]!)),
  )
}
