/**
 * Checks and chooses a namespace's address pool: a private block of a useful size that this machine does not already
 * route.
 *
 * A pool that overlaps a route would cut the machine off from its own network. Such a pool is rejected at creation and
 * again at every boot, with an error that names the route.
 */

import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { InputError } from '../core/errors.ts'
import { type Cidr, cidrSize, formatCidr, type Ip4, netmask, overlaps, parseCidr, parseIp4 } from '../core/ip.ts'
import { MAX_PREFIX, MIN_PREFIX } from './record.ts'

/** A network of this machine that a pool must not overlap. */
export interface LocalNetwork {
  readonly cidr: Cidr
  readonly device: string
  readonly kind: 'route' | 'address'
}

/** RFC 1918, RFC 6598 (carrier NAT), RFC 2544 (benchmarks), RFC 5737 (examples): no public host lives there. */
const PRIVATE = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '198.18.0.0/15',
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
].map(cidr)

/** Tried when no pool is named: large, so that a first guess at an address is likely free (paper section 5.2). */
const DEFAULTS = [
  '10.128.0.0/9',
  '10.64.0.0/10',
  '10.0.0.0/10',
  '172.16.0.0/12',
  '100.64.0.0/10',
  '192.168.128.0/17',
  '198.18.0.0/15',
].map(cidr)

/** @throws InputError that names the pool and what is wrong with it. */
export function parsePool(text: string): Cidr {
  const pool = parseCidr(text.trim())
  if (pool === undefined) throw notCidr(text.trim())
  if (pool.prefix > MAX_PREFIX) {
    const usable = Math.max(0, cidrSize(pool) - 3)
    throw invalid(
      'POOL_TOO_SMALL',
      text,
      `is too small: it leaves ${usable} of its addresses for hosts`,
      `Give a pool of /${MAX_PREFIX} or larger.`,
    )
  }
  if (pool.prefix < MIN_PREFIX) {
    throw invalid(
      'POOL_TOO_LARGE',
      text,
      'is too large',
      `Give a pool of /${MIN_PREFIX} or smaller, such as 10.128.0.0/9.`,
    )
  }
  return pool
}

/** @throws InputError for a pool with public addresses: the machine could no longer reach the real ones. */
export function checkPrivate(pool: Cidr): void {
  if (PRIVATE.some((block) => block.prefix <= pool.prefix && overlaps(block, pool))) return
  throw invalid(
    'POOL_NOT_PRIVATE',
    formatCidr(pool),
    'is not private',
    'Give a block of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10.',
  )
}

/** @throws InputError (`POOL_OVERLAP`) that names the first local network the pool overlaps. */
export function checkOverlap(pool: Cidr, local: readonly LocalNetwork[]): void {
  const clash = local.find((network) => overlaps(network.cidr, pool))
  if (clash === undefined) return
  const free = DEFAULTS.find((candidate) => isFree(candidate, local))
  const what = `overlaps the ${clash.kind} ${formatCidr(clash.cidr)} of ${clash.device} on this machine`
  const remedy =
    free === undefined
      ? 'Give a pool that this machine does not use.'
      : `Give another pool, such as ${formatCidr(free)}.`
  throw invalid('POOL_OVERLAP', formatCidr(pool), what, remedy)
}

/** A large free pool for a namespace that names none. @throws InputError when every default pool overlaps a route. */
export function choosePool(local: readonly LocalNetwork[]): Cidr {
  const free = DEFAULTS.find((candidate) => isFree(candidate, local))
  if (free !== undefined) return free
  throw new InputError('POOL_NONE_FREE', 'This machine routes every default pool.', 'Name a free one with --pool CIDR.')
}

function isFree(pool: Cidr, local: readonly LocalNetwork[]): boolean {
  return !local.some((network) => overlaps(network.cidr, pool))
}

/**
 * This machine's routes and addresses, without default routes and devices that `ignore` accepts: the agent's own tap
 * rightly carries the pool's route.
 */
export function localNetworks(ignore: (device: string) => boolean): LocalNetwork[] {
  const found: LocalNetwork[] = [...kernelRoutes(), ...interfaceAddresses()]
  return found.filter((network) => !ignore(network.device))
}

/** Whether a WOW agent on this host made this tap. */
export function isWowTap(device: string): boolean {
  return /^wow\d+$/.test(device)
}

function kernelRoutes(): LocalNetwork[] {
  let table: string
  try {
    table = readFileSync('/proc/net/route', 'utf8')
  } catch {
    return [] // Not Linux: the interfaces' own networks are all we know.
  }
  return parseRoutes(table)
}

/** The rows of /proc/net/route without default routes: hexadecimal in host byte order, little-endian where we run. */
export function parseRoutes(table: string): LocalNetwork[] {
  const routes: LocalNetwork[] = []
  for (const line of table.split('\n').slice(1)) {
    const [device, destination, , , , , , mask] = line.trim().split(/\s+/)
    if (device === undefined || destination === undefined || mask === undefined) continue
    const prefix = Math.clz32(~swapped(mask))
    if (prefix === 0) continue
    routes.push({ cidr: { base: swapped(destination) as Ip4, prefix }, device, kind: 'route' })
  }
  return routes
}

function swapped(hexadecimal: string): number {
  return Buffer.from(hexadecimal.padStart(8, '0'), 'hex').readUInt32LE()
}

function interfaceAddresses(): LocalNetwork[] {
  const addresses: LocalNetwork[] = []
  for (const [device, entries = []] of Object.entries(networkInterfaces())) {
    for (const entry of entries) {
      const block = entry.family === 'IPv4' && entry.cidr !== null ? withoutHostBits(entry.cidr) : undefined
      if (block !== undefined) addresses.push({ cidr: block, device, kind: 'address' })
    }
  }
  return addresses
}

function withoutHostBits(text: string): Cidr | undefined {
  const [address = '', length = ''] = text.split('/')
  const ip = parseIp4(address)
  if (ip === undefined) return undefined
  const prefix = Number(length)
  return { base: ((ip & netmask(prefix)) >>> 0) as Ip4, prefix }
}

function notCidr(text: string): InputError {
  const repaired = withoutHostBits(text)
  const valid = repaired !== undefined && /^[\d.]+\/\d{1,2}$/.test(text) && repaired.prefix <= 32
  return valid
    ? invalid('POOL_INVALID', text, 'has host bits set', `Write ${formatCidr(repaired)}.`)
    : invalid('POOL_INVALID', text, 'is not a CIDR block', 'Give one such as 10.128.0.0/9.')
}

function invalid(code: string, text: string, what: string, hint: string): InputError {
  return new InputError(code, `The pool ${text} ${what}.`, hint)
}

function cidr(text: string): Cidr {
  const block = parseCidr(text)
  if (block === undefined) throw new RangeError(text)
  return block
}
