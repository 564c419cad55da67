/**
 * What this agent will be, decided and checked before anything is written, opened or listened on.
 */

import { join } from 'node:path'
import { equal } from '../core/bytes.ts'
import { InputError } from '../core/errors.ts'
import { type Remembered, StateFolder } from '../host/state-folder.ts'
import { LeaseFile } from '../lease/lease-store.ts'
import { deriveKeys, type NamespaceKeys } from '../namespace/keys.ts'
import { parseRingKey } from '../namespace/ring-key.ts'
import { type JoinToken, parseToken } from '../namespace/token.ts'
import type { AgentConfig } from './config.ts'
import { checkAddresses, checkMembership } from './preflight.ts'

export interface Plan {
  readonly state: StateFolder
  readonly remembered: Remembered
  /** Nodes that the user or the token named. */
  readonly bootstrap: readonly string[]
  /** undefined: the ring is shared. */
  readonly ringKey: Uint8Array | undefined
  /** undefined: a plain overlay node. */
  readonly namespace: OwnNamespace | undefined
  /** undefined: a plain overlay node, or a member without a tap. */
  readonly membership: Membership | undefined
}

/** A namespace that this node is a member of. */
export interface OwnNamespace {
  readonly token: JoinToken
  readonly keys: NamespaceKeys
}

export interface Membership extends OwnNamespace {
  readonly leases: LeaseFile
}

/** Changes nothing. @throws InputError for the first problem found. */
export async function makePlan(config: AgentConfig): Promise<Plan> {
  const token = config.token === undefined ? undefined : parseToken(config.token)
  const bootstrap = [...new Set([...config.bootstrap, ...(token?.bootstrap ?? [])])]
  await checkAddresses({ bootstrap, listen: config.listen, announce: config.announce })
  const namespace = token && { token, keys: deriveKeys(token.signed.id, token.secret) }
  const ringKey = ringKeyOf(config.ringKey, namespace)
  const hasTap = token !== undefined && !config.carry
  if (hasTap) checkMembership({ name: config.tap, mtu: config.mtu ?? token.signed.record.mtu }, token.signed)
  const state = new StateFolder(config.state)
  state.check()
  const remembered = state.remembered()
  const membership = namespace && hasTap ? { ...namespace, leases: leasesIn(state) } : undefined
  return { state, remembered, bootstrap, ringKey, namespace, membership }
}

/** The key of the ring to join. @throws InputError when the ring key given is not that of the token's ring */
function ringKeyOf(given: string | undefined, namespace: OwnNamespace | undefined): Uint8Array | undefined {
  const key = given === undefined ? undefined : parseRingKey(given)
  if (namespace === undefined) return key
  const own = namespace.token.signed.record.ring === 'own' ? namespace.keys.ring : undefined
  if (key === undefined || (own !== undefined && equal(key, own))) return own
  throw new InputError(
    'RING_KEY_MISMATCH',
    own === undefined
      ? 'The ring of this namespace is shared and has no key, but --ring-key was given.'
      : 'The key given with --ring-key is that of another ring than the token names.',
    'Leave --ring-key out: a member takes the key of its ring from the token.',
  )
}

function leasesIn(state: StateFolder): LeaseFile {
  const leases = new LeaseFile(join(state.path, 'leases.json'))
  leases.load()
  return leases
}
