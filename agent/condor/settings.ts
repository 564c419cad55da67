/**
 * The `condor` section of the appliance's settings, also as one option: `--condor role=worker,group=lab,flock=a+b`.
 *
 * Names end up in files of HTCondor's, so they are plain words.
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
    /** The one machine that may manage the pool; none: the pool elects one. */
    manager: v.optional(ip),
    /** `worker` runs jobs of others, `submit` sends jobs to others and never manages, `both` does all. */
    role: v.optional(v.picklist(['both', 'worker', 'submit'], 'must be both, worker or submit')),
    /** `always`: jobs run at any time. `idle`: only while the owner of the machine is away. */
    policy: v.optional(v.picklist(['always', 'idle'], 'must be always or idle')),
    /** Jobs of the same group come first on this machine. */
    group: v.optional(word),
    /** A namespace may have several pools; this machine is in one. */
    pool: v.optional(word),
    /** Other pools of the namespace that jobs may go to. */
    flock: v.optional(v.pipe(v.array(word, 'must be names of pools'), v.maxLength(8, 'must be at most 8 pools'))),
    /** `virtual`: jobs reach the virtual network only. `any`: also whatever the machine reaches. */
    network: v.optional(v.picklist(['virtual', 'any'], 'must be virtual or any')),
    /** Users of this machine that may use the pool. */
    users: v.optional(v.pipe(v.array(word, 'must be names of users'), v.maxLength(64, 'must be at most 64 users'))),
  },
  'must have the fields manager, role, policy, group, pool, flock, network and users only',
)

/** As a user gives them. */
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
/** The user of the appliance. */
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

/** The option's text as the section that it stands for, unchecked: `role=worker,flock=a+b`. */
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
