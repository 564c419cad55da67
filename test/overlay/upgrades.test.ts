import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { toAddress } from '../../agent/overlay/address.ts'
import { RECARRY_MAX_MS, RECARRY_MIN_MS, UPGRADE_MIN_MS } from '../../agent/overlay/constants.ts'
import { type Peer, Peers } from '../../agent/overlay/peers.ts'
import { Upgrades } from '../../agent/overlay/upgrades.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

const PEER = toAddress(2n)
const TICK_MS = 1_000
let clock: VirtualClock
let peers: Peers
let upgrades: Upgrades
/** When a better link was sought, s. */
let soughtAt: number[]

beforeEach(() => {
  clock = new VirtualClock()
  peers = new Peers(toAddress(1n), clock)
  soughtAt = []
  upgrades = new Upgrades({
    links: { isImprovable: ({ relayed, carrier }) => relayed || carrier === 'tcp' },
    peers,
    clock,
    connector: { punch: async () => void soughtAt.push(clock.now() / 1_000) },
  })
})

function meet(kind: Parameters<typeof linkTo>[2]): Peer {
  const peer = peers.add(linkTo(PEER, false, kind))!
  peer.endpoints = ['somewhere']
  upgrades.onMet(peer)
  return peer
}

async function watch(forMs: number): Promise<void> {
  for (const end = clock.now() + forMs; clock.now() < end; await clock.runFor(TICK_MS)) upgrades.review(() => true)
}

test('a better link than a relayed one is sought at once, and ever more rarely', async () => {
  meet({ relayed: true })
  await watch(20_000)
  const first = UPGRADE_MIN_MS / 1_000
  assert.deepEqual(soughtAt, [0, first, 3 * first])
})

test('a better link than one over TCP is sought after a while, and in the end once an hour', async () => {
  meet({ carrier: 'tcp' })
  await watch(10 * RECARRY_MAX_MS)
  assert.equal(soughtAt[0], RECARRY_MIN_MS / 1_000)
  assert.equal(soughtAt.at(-1)! - soughtAt.at(-2)!, RECARRY_MAX_MS / 1_000)
})

test('a better link that works is left alone', async () => {
  meet({ carrier: 'tcp' })
  peers.add(linkTo(PEER, false, { carrier: 'udp' }))
  await watch(60_000)
  assert.deepEqual(soughtAt, [])
})

test('a new link over TCP is given its time, whatever was tried before', async () => {
  meet({ relayed: true })
  await watch(60_000)
  soughtAt = []
  peers.add(linkTo(PEER, false, { carrier: 'tcp' }))
  await watch(RECARRY_MIN_MS + TICK_MS)
  assert.equal(soughtAt.length, 1)
})

test('where links over UDP do not last, they are sought ever more rarely', async () => {
  for (const end = clock.now() + RECARRY_MAX_MS; clock.now() < end; ) {
    meet({ carrier: 'tcp' })
    const before = soughtAt.length
    while (soughtAt.length === before && clock.now() < end) await watch(TICK_MS)
    // It comes, and is dead soon after.
    peers.add(linkTo(PEER, false, { carrier: 'udp' }))
    await watch(20_000)
    peers.remove(peers.get(PEER)!.link)
  }
  assert.ok(soughtAt.length > 4 && soughtAt.length < 12, `${soughtAt.length} times in an hour`)
})
