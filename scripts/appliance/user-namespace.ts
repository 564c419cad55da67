/** Lets an ordinary user build: in a user namespace, the user can own files as root does (user_namespaces(7)). */

import { $ } from 'zx'
import { WowError } from '../../agent/core/errors.ts'

export const isRoot = process.getuid?.() === 0

/** Runs what follows as root of a new user namespace that has the ids of /etc/subuid and /etc/subgid. */
export const AS_ITS_ROOT = ['unshare', '--map-root-user', '--map-auto', '--']

/** @throws WowError when this user is not root and gets no user namespace here */
export async function ensureUserNamespace(): Promise<void> {
  if (isRoot) return
  const { exitCode, stderr } = await $({ quiet: true, nothrow: true })`${AS_ITS_ROOT} true`
  if (exitCode === 0) return
  throw new WowError(
    'USER_NAMESPACE_UNAVAILABLE',
    `This user gets no user namespace with ids of its own, to build an image in: ${stderr.trim()}`,
    'Let it have them (sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER, and sysctl user.max_user_namespaces above 0), or build as root',
  )
}
