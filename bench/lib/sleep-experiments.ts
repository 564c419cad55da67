/** Measures in virtual time what nodes that did not run do when they go on: the product's own code, a seed. */

import type { Ip4, Mac } from '../../agent/core/ip.ts'
import { MAJORITY } from '../../agent/dht/dht.ts'
import { subKeysOf } from '../../agent/dht/sub-keys.ts'
import type { ClientId } from '../../agent/lease/lease.ts'
import { leaseKey } from '../../agent/lease/lease-entry.ts'
import type { Hold } from '../../sim/node-clock.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import type { SimCluster, SimHost } from '../../sim/sim-cluster.ts'
import type { Weather } from '../../sim/sim-link.ts'
import { settledCluster } from './settled-cluster.ts'

/** One-way delays, ms. */
type Delays = Pick<Weather, 'minDelayMs' | 'maxDelayMs'>

/** The client of another host, which takes the address. */
const OTHER_CLIENT = 'hw:02' as ClientId
const OTHER_MAC = '02:00:00:00:00:02' as Mac
const TAKE_TRIES = 3

const SLEEPER_HOSTS = 12
const SLEEPER_LEASE_MS = 600_000
/** A sleep ends at least this share of a lease after the lease began, and at most this share later. */
const PAST_LEASE = 1.05
const PAST_LEASE_SPREAD = 0.2
/** A machine that wakes sends packets this often, ms, and is watched for this long, ms. */
export const PACKET_EVERY_MS = 5
const WATCH_MS = 60_000
/** A nap is longer than an absence, which is a second, and much shorter than the lease, ms. */
const NAP_MIN_MS = 1_100
const NAP_MAX_MS = 60_000
const LAN_DELAY_MS = 5
const WAN_DELAY_MS = 300

export interface Woken {
  /** Packets that left with an address that another host held by then. */
  readonly foreignPackets: number
  /** Time from waking to the last of them, ms; 0: none left. */
  readonly foreignMs: number
}

export interface Napped {
  /** The DHT had confirmed the address before the first packet left. */
  readonly asked: boolean
  /** Time from waking to the first packet, ms. */
  readonly firstPacketMs: number
}

/** Another host takes an address whose lease has ended. */
async function take(sim: SimCluster, host: SimHost, ip: Ip4): Promise<void> {
  for (let i = 0; i < TAKE_TRIES; i++) {
    if ((await sim.clock.complete(host.leases.acquire(OTHER_CLIENT, OTHER_MAC, ip))).ok) return
  }
  throw new Error('the address of a lease that has ended cannot be had')
}

/**
 * A program on a host that sends a packet every `PACKET_EVERY_MS`. It runs by the host's own clock: when the host goes
 * on, its packet is the first thing that happens. `sent` is called for each packet that may leave.
 */
function sendsAlways({ clock, leases }: SimHost, ip: Ip4, sent: () => void): void {
  const send = () => {
    clock.after(PACKET_EVERY_MS, send)
    if (leases.usable(ip) !== undefined) sent()
  }
  clock.after(PACKET_EVERY_MS, send)
}

/** Odd seeds: a LAN. Even seeds: anything up to `WAN_DELAY_MS`. */
function delaysOf(seed: number, random: SeededRandom): Delays {
  if (seed % 2 === 1) return { minDelayMs: 0, maxDelayMs: LAN_DELAY_MS * random.float() }
  const [a, b] = [WAN_DELAY_MS * random.float(), WAN_DELAY_MS * random.float()]
  return { minDelayMs: Math.min(a, b), maxDelayMs: Math.max(a, b) }
}

/** Two hosts that are not the same. */
function twoOf(sim: SimCluster, random: SeededRandom): [SimHost, SimHost] {
  const hosts = sim.hosts()
  const first = random.below(hosts.length)
  const second = (first + 1 + random.below(hosts.length - 1)) % hosts.length
  return [hosts[first]!, hosts[second]!]
}

/**
 * A host is held past its lease, another takes the address, the host goes on. Then a host is held for less than its lease,
 * and goes on.
 */
export async function measureSleeper(seed: number, hold: Hold): Promise<{ woken: Woken; napped: Napped }> {
  const random = new SeededRandom(seed)
  const sim = await settledCluster(SLEEPER_HOSTS, seed, {
    leaseMs: SLEEPER_LEASE_MS,
    weather: delaysOf(seed, random),
  })
  const [sleeper, other] = twoOf(sim, random)
  const { ip } = await sim.clock.complete(sim.lease(sleeper))
  let [foreignPackets, lastAt] = [0, 0]
  sendsAlways(sleeper, ip, () => {
    if (other.leases.holder(ip) === undefined) return
    foreignPackets++
    lastAt = sim.clock.now()
  })
  await sim.clock.runFor(random.float() * 5_000)
  sim.hold(sleeper, hold)
  await sim.clock.runFor(SLEEPER_LEASE_MS * (PAST_LEASE + PAST_LEASE_SPREAD * random.float()))
  await take(sim, other, ip)
  const wokeAt = sim.clock.now()
  sim.resume(sleeper)
  await sim.clock.runFor(WATCH_MS)
  if (other.leases.holder(ip) === undefined) throw new Error(`seed ${seed}: the next owner lost the address`)
  const woken = { foreignPackets, foreignMs: foreignPackets === 0 ? 0 : lastAt - wokeAt }
  return { woken, napped: await measureNap(sim, random, hold) }
}

async function measureNap(sim: SimCluster, random: SeededRandom, hold: Hold): Promise<Napped> {
  const [host] = twoOf(sim, random)
  const { ip } = await sim.clock.complete(sim.lease(host))
  await sim.clock.runFor(random.float() * 5_000)
  sim.hold(host, hold)
  await sim.clock.runFor(NAP_MIN_MS + (NAP_MAX_MS - NAP_MIN_MS) * random.float())
  const wokeAt = sim.clock.now()
  let confirmed = false
  let first: Napped | undefined
  const ask = host.dht.recreate.bind(host.dht)
  host.dht.recreate = async (...change) => {
    const outcome = await ask(...change)
    confirmed ||= outcome.won
    return outcome
  }
  sendsAlways(host, ip, () => {
    first ??= { asked: confirmed, firstPacketMs: sim.clock.now() - wokeAt }
  })
  sim.resume(host)
  if (await sim.clock.runUntilTrue(() => first !== undefined, WATCH_MS)) return first!
  throw new Error('a host that napped cannot use its address')
}

const GHOST_HOSTS = 24
const GHOST_LEASE_MS = 120_000
const GHOST_RENEWALS = 4

/**
 * The replicas of an address are held together, its owner dies, the lease ends, and another host takes the address. Then
 * the replicas go on. True: the living owner lost the address.
 */
export async function measureGhost(seed: number, hold: Hold): Promise<boolean> {
  const sim = await settledCluster(GHOST_HOSTS, seed, { leaseMs: GHOST_LEASE_MS })
  const random = new SeededRandom(seed)
  const [former] = twoOf(sim, random)
  const { ip } = await sim.clock.complete(sim.lease(former))
  for (let i = 0; i < GHOST_RENEWALS; i++) {
    await sim.clock.runFor(GHOST_LEASE_MS / 3)
    await sim.clock.complete(sim.renew(former, ip))
  }
  const subKeys = subKeysOf(leaseKey(sim.keys, ip)).slice(0, MAJORITY)
  const replicas = new Set(
    subKeys.flatMap((key) => (['left', 'right'] as const).map((side) => sim.trueSide(key, side))),
  )
  replicas.delete(former.address)
  const sleepers = [...replicas].map((address) => sim.host(address))
  for (const host of sleepers) sim.hold(host, hold)
  sim.powerOff(former)
  await sim.clock.runFor(GHOST_LEASE_MS * (PAST_LEASE + PAST_LEASE_SPREAD * random.float()))
  const next = sim.hosts().find(({ address }) => !replicas.has(address))!
  await take(sim, next, ip)
  await sim.clock.runFor(GHOST_LEASE_MS / 4)
  let lost = false
  next.leases.onLost = () => {
    lost = true
  }
  for (const host of sleepers) sim.resume(host)
  await sim.clock.runFor(WATCH_MS)
  return lost || next.leases.usable(ip) === undefined
}
