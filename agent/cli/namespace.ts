/** `wow namespace …`: creates, lists, shows, exports and imports (docs/interfaces.md gives the JSON). */

import { readFileSync } from 'node:fs'
import { checkAddresses } from '../boot/preflight.ts'
import { InputError, WowError } from '../core/errors.ts'
import { contains, formatCidr, formatIp4, type Ip4, parseIp4 } from '../core/ip.ts'
import { formatLease, parseLease } from '../namespace/duration.ts'
import { Keyring, type KnownNamespace, tokenOf, wowHome } from '../namespace/keyring.ts'
import { deriveKeys } from '../namespace/keys.ts'
import { checkOverlap, checkPrivate, choosePool, isWowTap, localNetworks, parsePool } from '../namespace/pool-choice.ts'
import { drawNamespace, publishNew, type Wish } from '../namespace/publish.ts'
import {
  isDomain,
  isNamespaceName,
  MAX_MTU,
  MAX_RESERVED,
  MIN_MTU,
  RING_KINDS,
  type RingKind,
} from '../namespace/record.ts'
import { formatRingKey } from '../namespace/ring-key.ts'
import { MAX_BOOTSTRAPS, parseToken } from '../namespace/token.ts'
import { fields, print, printJson, table, warn } from './output.ts'

interface Format {
  readonly json?: boolean
}

export interface CreateOptions extends Format {
  readonly name?: string
  readonly pool?: string
  readonly lease: string
  readonly bootstrap?: readonly string[]
  readonly domain?: string
  readonly mtu?: number
  readonly reserve?: readonly string[]
  readonly ring?: string
}

export async function create(options: CreateOptions): Promise<void> {
  const bootstrap = options.bootstrap ?? []
  const wish = wishOf(options)
  if (bootstrap.length > 0) await checkAddresses({ bootstrap })
  if (bootstrap.length > MAX_BOOTSTRAPS)
    throw invalid('bootstrap', `${bootstrap.length} addresses`, `Give at most ${MAX_BOOTSTRAPS}.`)
  const keyring = new Keyring(wowHome(process.env))
  keyring.list()
  keyring.checkWritable()
  const { namespace, unpublished } = await make(wish, bootstrap)
  keyring.save(namespace)
  if (unpublished !== undefined) {
    warn(`The namespace was made but could not be published now (${unpublished}); its first member publishes it.`)
  }
  const published = bootstrap.length > 0 && unpublished === undefined
  answer(options, { ...summaryOf(namespace), token: tokenOf(namespace), published }, () => {
    describe(namespace)
    print(`\nBake it into an appliance:  make appliance NS=${namespace.signed.id}`)
    print(`Join it from any host:      sudo wow up --token "$(wow namespace export ${namespace.signed.id})"`)
  })
}

/**
 * With bootstrap nodes of a shared ring, inserts the namespace into the DHT. Without, or when none answers, its first
 * member does; so it does in a ring of its own, whose key nobody has yet.
 */
async function make(
  wish: Wish,
  bootstrap: readonly string[],
): Promise<{ namespace: KnownNamespace; unpublished?: string }> {
  if (bootstrap.length === 0 || wish.ring === 'own') return { namespace: drawNamespace(wish, bootstrap) }
  const { withVisitor } = await import('../boot/visitor.ts')
  try {
    return { namespace: await withVisitor(bootstrap, (dht) => publishNew(wish, bootstrap, dht)) }
  } catch (error) {
    if (!(error instanceof WowError) || error instanceof InputError) throw error
    return { namespace: drawNamespace(wish, bootstrap), unpublished: error.message.replace(/\.$/, '') }
  }
}

export function list(format: Format): void {
  const all = new Keyring(wowHome(process.env)).list().map(summaryOf)
  answer(format, all, () => {
    const rows = all.map(({ id, name, pool, lease }) => [id, name, pool, lease])
    const none = 'No namespaces yet; make one with `wow namespace create`.'
    print(rows.length === 0 ? none : table(['ID', 'NAME', 'POOL', 'LEASE'], rows))
  })
}

export function show(wanted: string, format: Format): void {
  const namespace = new Keyring(wowHome(process.env)).find(wanted)
  answer(format, summaryOf(namespace), () => describe(namespace))
}

export function exportToken(wanted: string, format: Format): void {
  const namespace = new Keyring(wowHome(process.env)).find(wanted)
  const token = tokenOf(namespace)
  answer(format, { ...summaryOf(namespace), token }, () => print(token))
}

export function importToken(text: string, format: Format): void {
  const token = parseToken(text === '-' ? readFileSync(0, 'utf8') : text)
  const namespace = new Keyring(wowHome(process.env)).save({ ...token, signingKey: undefined })
  answer(format, { ...summaryOf(namespace), token: tokenOf(namespace) }, () => describe(namespace))
}

export function ringKey(wanted: string, format: Format): void {
  const { signed, secret } = new Keyring(wowHome(process.env)).find(wanted)
  if (signed.record.ring === 'shared') {
    throw new InputError(
      'RING_SHARED',
      `The namespace ${signed.record.name} is in a shared ring, which has no key.`,
      'Any node of that ring carries it: `wow up` without a token. For a ring of its own make a namespace with --ring own.',
    )
  }
  const key = formatRingKey(deriveKeys(signed.id, secret).ring)
  answer(format, { id: signed.id, name: signed.record.name, ringKey: key }, () => print(key))
}

function answer({ json }: Format, value: unknown, forPeople: () => void): void {
  if (json === true) printJson(value)
  else forPeople()
}

interface Summary {
  readonly id: string
  readonly name: string
  readonly pool: string
  readonly lease: string
  readonly ring: RingKind
}

function summaryOf({ signed }: KnownNamespace): Summary {
  const { name, pool, leaseS, ring } = signed.record
  return { id: signed.id, name, pool: formatCidr(pool), lease: formatLease(leaseS), ring }
}

function describe(namespace: KnownNamespace): void {
  const { domain, mtu, reserved } = namespace.signed.record
  const { id, name, pool, lease, ring } = summaryOf(namespace)
  const lines: [string, string][] = [
    ['id', id],
    ['name', name],
    ['pool', pool],
    ['lease', lease],
    ['domain', domain ?? '-'],
    ['ring', ring],
  ]
  if (mtu !== undefined) lines.push(['mtu', String(mtu)])
  if (reserved.length > 0) lines.push(['reserved', reserved.map(formatIp4).join(', ')])
  if (namespace.bootstrap.length > 0) lines.push(['bootstrap', namespace.bootstrap.join(', ')])
  print(fields(lines))
}

/** Checks every field before anything is made. @throws InputError */
function wishOf(options: CreateOptions): Wish {
  const { name, domain, mtu } = options
  if (name !== undefined && !isNamespaceName(name)) {
    throw invalid(
      'name',
      JSON.stringify(name),
      'Use up to 40 letters, digits, dots, dashes and underscores, a letter or digit first.',
    )
  }
  if (domain !== undefined && !isDomain(domain))
    throw invalid('domain', JSON.stringify(domain), 'Give one in lower case, such as lab.wow.')
  if (mtu !== undefined && (mtu < MIN_MTU || mtu > MAX_MTU))
    throw invalid('mtu', String(mtu), `Give ${MIN_MTU} to ${MAX_MTU} bytes.`)
  const leaseS = parseLease(options.lease)
  const pool = options.pool === undefined ? choosePool(localNetworks(() => false)) : parsePool(options.pool)
  checkOverlap(pool, localNetworks(isWowTap))
  checkPrivate(pool)
  const reserved = (options.reserve ?? []).map((text) => {
    const ip = parseIp4(text)
    if (ip === undefined || !contains(pool, ip))
      throw invalid('reserve', JSON.stringify(text), `Give an address of ${formatCidr(pool)}.`)
    return ip
  })
  if (reserved.length > MAX_RESERVED)
    throw invalid('reserve', `${reserved.length} addresses`, `Give at most ${MAX_RESERVED}.`)
  return { name, domain, mtu, leaseS, pool, reserved: ascending(reserved), ring: ringOf(options) }
}

/** A ring of its own unless there is one to join. */
function ringOf({ ring, bootstrap = [] }: CreateOptions): RingKind {
  if (ring === undefined) return bootstrap.length > 0 ? 'shared' : 'own'
  const kind = RING_KINDS.find((one) => one === ring)
  if (kind === undefined) throw invalid('ring', JSON.stringify(ring), `Give ${RING_KINDS.join(' or ')}.`)
  return kind
}

function ascending(addresses: readonly Ip4[]): Ip4[] {
  return [...new Set(addresses)].sort((a, b) => a - b)
}

function invalid(option: string, found: string, hint: string): InputError {
  return new InputError('OPTION_INVALID', `The option --${option} cannot be ${found}.`, hint)
}
