/**
 * What this agent will be, decided and checked before anything is written, opened or listened on.
 */

import { join } from 'node:path'
import { type Remembered, StateFolder } from '../host/state-folder.ts'
import { LeaseFile } from '../lease/lease-store.ts'
import { deriveKeys, type NamespaceKeys } from '../namespace/keys.ts'
import { type JoinToken, parseToken } from '../namespace/token.ts'
import type { AgentConfig } from './config.ts'
import { checkAddresses, checkMembership } from './preflight.ts'

export interface Plan {
  readonly state: StateFolder
  readonly remembered: Remembered
  /** Nodes that the user or the token named. */
  readonly bootstrap: readonly string[]
  /** undefined: a plain overlay node. */
  readonly membership: Membership | undefined
}

export interface Membership {
  readonly token: JoinToken
  readonly keys: NamespaceKeys
  readonly leases: LeaseFile
}

/** Changes nothing. @throws InputError for the first problem found. */
export async function makePlan(config: AgentConfig): Promise<Plan> {
  const token = config.token === undefined ? undefined : parseToken(config.token)
  const bootstrap = [...new Set([...config.bootstrap, ...(token?.bootstrap ?? [])])]
  await checkAddresses({ bootstrap, listen: config.listen, announce: config.announce })
  if (token !== undefined)
    checkMembership({ name: config.tap, mtu: config.mtu ?? token.signed.record.mtu }, token.signed)
  const state = new StateFolder(config.state)
  state.check()
  const remembered = state.remembered()
  return { state, remembered, bootstrap, membership: token && membershipOf(token, state) }
}

function membershipOf(token: JoinToken, state: StateFolder): Membership {
  const leases = new LeaseFile(join(state.path, 'leases.json'))
  leases.load()
  return { token, keys: deriveKeys(token.signed.id, token.secret), leases }
}
