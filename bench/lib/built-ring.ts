/**
 * A large ring that is built whole instead of joined node by node: all nodes start within a second, and then each is
 * introduced to its true neighbours.
 *
 * The nodes run the agent's own ring. It dials, exchanges statuses, and draws and keeps far links, as in any ring. Only
 * the question "which node is nearest to this point?", which a node asks to draw a far link, is answered at the first
 * node that it reaches: while no far links are there, the way through the ring would be thousands of hops long.
 */

import { EMPTY } from '../../agent/core/bytes.ts'
import type { Timer } from '../../agent/core/clock.ts'
import { decode, encode } from '../../agent/core/codec.ts'
import { type Address, addressFromBytes, isCloser, toAddress } from '../../agent/overlay/address.ts'
import { encodeContacts } from '../../agent/overlay/connector.ts'
import { FAR_PERIOD_MS } from '../../agent/overlay/constants.ts'
import { wantedFarLinks } from '../../agent/overlay/far-links.ts'
import { frameCodec, ringRequestCodec } from '../../agent/overlay/messages.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { endpointOf } from '../../sim/sim-link.ts'
import { SimRing } from '../../sim/sim-ring.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

/** All nodes start, and then are introduced, within this time each, ms: over one beat, so that they do not beat together. */
const START_MS = 1_000
/** Neighbours on its left that a node is introduced to; those on its right are introduced to it. */
const TOLD = 2
/** A node draws a far link so many times as often while the ring is built: each draw just ends before the next. */
const HASTE = 20
/** Draws that lead to a near node or to one that is linked already, as a share of the draws that are needed. */
const VAIN_DRAWS = 0.3
/** After this time the last second link to a peer is closed, and what the draws have set off has come to rest, ms. */
const REST_MS = 5_000

/** A ring of `size` nodes in its settled state. `progress` hears how far it is. */
export async function buildRing(size: number, seed: number, progress: (what: string) => void): Promise<SimRing> {
  const clock = new HastyClock()
  const sim = new SimRing(seed, clock)
  const addresses = Array.from({ length: size }, () => addressFromBytes(sim.random.bytes(20)))
  addresses.sort((a, b) => (a < b ? -1 : 1))
  sim.network.shortcut = answersDraws(addresses)
  for (const address of addresses) {
    sim.place({ address })
    await clock.runFor(START_MS / size)
  }
  progress(`${size} nodes started`)
  for (const i of shuffled(size, sim)) {
    const told = Array.from({ length: TOLD }, (_, away) => addresses.at(i - 1 - away)!)
    sim.introduce(sim.nodes.get(addresses[i]!)!, told)
    await clock.runFor(START_MS / size)
  }
  progress('introduced to their neighbours')
  const draws = Math.ceil(wantedFarLinks(size) * (1 + VAIN_DRAWS))
  await clock.runFor((draws * FAR_PERIOD_MS) / HASTE)
  progress('far links drawn')
  clock.hasty = false
  sim.network.shortcut = undefined
  await clock.runFor(REST_MS)
  return sim
}

/** While it is hasty, whatever a node does about every `FAR_PERIOD_MS` it does `HASTE` times as often. */
class HastyClock extends VirtualClock {
  hasty = true

  override after(delayMs: number, task: () => void): Timer {
    const isFarPeriod = Math.abs(delayMs - FAR_PERIOD_MS) <= FAR_PERIOD_MS / 10
    return super.after(this.hasty && isFarPeriod ? delayMs / HASTE : delayMs, task)
  }
}

function shuffled(size: number, { random }: SimRing): number[] {
  const order = Array.from({ length: size }, (_, i) => i)
  for (let i = size - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}

/** The byte that every request begins with. */
const REQUEST = encode(frameCodec, {
  kind: 'request',
  ...{ id: 0, source: toAddress(0n), target: toAddress(0n), delivery: 'closest', service: SERVICES.ring },
  ...{ hops: 0, patienceMs: 0, body: EMPTY },
})[0]

/** Answers the question which of `sorted` is nearest to a point; undefined for every other frame. */
function answersDraws(sorted: readonly Address[]): (frame: Uint8Array) => Uint8Array | undefined {
  return (bytes) => {
    if (bytes[0] !== REQUEST) return undefined
    const frame = decode(frameCodec, bytes)
    if (frame.kind !== 'request' || frame.service !== SERVICES.ring || frame.delivery !== 'closest') return undefined
    if (decode(ringRequestCodec, frame.body).kind !== 'contact') return undefined
    const from = nearestOf(sorted, frame.target)
    const body = encodeContacts([{ address: from, endpoints: [endpointOf(from)] }])
    return encode(frameCodec, { kind: 'answer', id: frame.id, from, hops: 1, body })
  }
}

function nearestOf(sorted: readonly Address[], point: Address): Address {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < point) low = middle + 1
    else high = middle
  }
  const right = sorted[low % sorted.length]!
  const left = sorted.at(low - 1)!
  return isCloser(point, left, right) ? left : right
}
