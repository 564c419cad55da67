/**
 * The `condor` section of the appliance's settings, also given as one option: `--condor
 * role=worker,group=lab,flock=a+b`.
 *
 * Names end up in HTCondor's files, so they are plain words.
 */

import * as v from 'valibot'
import { type Ip4, parseIp4 } from '../core/ip.ts'

const word = v.pipe(
  v.string('must be a name'),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, 'must be a name of up to 32 letters, digits, dashes and underscores'),
)
const ip = v.pipe(
  v.string('must be an IPv4 address'),
  v.check((text) => parseIp4(text) !== undefined, 'must be an IPv4 address'),
)

export const condorSchema = v.strictObject(
  {
    /** The only machine that may manage the pool; absent: the pool elects one. */
    manager: v.optional(ip),
    /** `worker` runs others' jobs, `submit` sends jobs to others and never manages, `both` does all. */
    role: v.optional(v.picklist(['both', 'worker', 'submit'], 'must be both, worker or submit')),
    /** `always`: jobs run at any time. `idle`: only while the machine's owner is away. */
    policy: v.optional(v.picklist(['always', 'idle'], 'must be always or idle')),
    /** Jobs of the same group come first on this machine. */
    group: v.optional(word),
    /** A namespace may have several pools; this machine is in one. */
    pool: v.optional(word),
    /** The namespace's other pools that jobs may go to. */
    flock: v.optional(v.pipe(v.array(word, 'must be names of pools'), v.maxLength(8, 'must be at most 8 pools'))),
    /** `virtual`: jobs reach only the virtual network. `any`: they reach all that the machine reaches. */
    network: v.optional(v.picklist(['virtual', 'any'], 'must be virtual or any')),
    /** This machine's users that may use the pool. */
    users: v.optional(v.pipe(v.array(word, 'must be names of users'), v.maxLength(64, 'must be at most 64 users'))),
  },
  'must have the fields manager, role, policy, group, pool, flock, network and users only',
)

/** The settings as a user gives them. */
export type CondorOptions = v.InferOutput<typeof condorSchema>

export interface CondorSettings {
  readonly manager: Ip4 | undefined
  readonly role: 'both' | 'worker' | 'submit'
  readonly policy: 'always' | 'idle'
  readonly group: string | undefined
  readonly pool: string
  readonly flock: readonly string[]
  readonly network: 'virtual' | 'any'
  readonly users: readonly string[]
}

export const DEFAULT_POOL = 'main'
/** The appliance's user. */
const DEFAULT_USERS = ['wow']

export function condorSettings(options: CondorOptions): CondorSettings {
  const pool = options.pool ?? DEFAULT_POOL
  return {
    manager: options.manager === undefined ? undefined : parseIp4(options.manager),
    role: options.role ?? 'both',
    policy: options.policy ?? 'always',
    group: options.group,
    pool,
    flock: (options.flock ?? []).filter((name) => name !== pool),
    network: options.network ?? 'virtual',
    users: options.users ?? DEFAULT_USERS,
  }
}

const LISTS = ['flock', 'users']

/** Converts the option's text, `role=worker,flock=a+b`, to the section that it stands for; unchecked. */
export function condorSection(text: string): Record<string, unknown> {
  const section: Record<string, unknown> = {}
  for (const part of text.split(',')) {
    const [name = '', ...rest] = part.split('=')
    if (name.trim() === '' && rest.length === 0) continue
    const value = rest.join('=').trim()
    section[name.trim()] = LISTS.includes(name.trim()) ? value.split('+') : value
  }
  return section
}
