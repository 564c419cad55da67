/**
 * HTCondor's files on this machine: written whole, only when they change; secret ones are never readable by others.
 */

import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { codeOf, messageOf, WowError } from '../core/errors.ts'
import { writeWhole } from '../core/files.ts'
import type { NamespaceKeys } from '../namespace/keys.ts'
import type { CondorPaths } from './configuration.ts'
import { mintToken, poolKeyFile } from './tokens.ts'

/** The rendered template that says where HTCondor listens. */
const POOL_FILE = '90-wow-pool.conf'
/** The users that the daemons run as. */
const DAEMON_USERS = ['root', 'condor']
/** A pool user may query, and submit and remove its own jobs. */
const USER_SCOPE = 'condor:/READ condor:/WRITE'

export interface Secrets {
  readonly keys: NamespaceKeys
  readonly domain: string
  readonly users: readonly string[]
}

export class Installation {
  readonly #paths: CondorPaths

  constructor(paths: CondorPaths) {
    this.#paths = paths
  }

  get isThere(): boolean {
    return existsSync(this.#paths.master)
  }

  /** @throws WowError when HTCondor is not installed. */
  check(): void {
    if (this.isThere) return
    const { master } = this.#paths
    throw new WowError(
      'CONDOR_MISSING',
      `HTCondor is not installed: there is no ${master}.`,
      'Install the package condor (Debian 13), or leave the condor settings out.',
    )
  }

  /** Writes configuration files; returns whether any changed. @throws WowError that names the file. */
  configure(files: ReadonlyMap<string, string>): boolean {
    let changed = false
    for (const [name, text] of files) changed = this.#write(join(this.#paths.config, name), text, 0o644) || changed
    return changed
  }

  /** The address that HTCondor is configured to listen on; undefined when there is none yet. */
  configuredIp(): string | undefined {
    const text = readIfThere(join(this.#paths.config, POOL_FILE))?.toString('utf8') ?? ''
    return /^NETWORK_INTERFACE = (\S+)$/m.exec(text)?.[1]
  }

  /** Writes the ClassAd attributes that change all the time. @throws WowError that names the file. */
  report(text: string): void {
    this.#folder(dirname(this.#paths.machineAd), 0o755)
    this.#write(this.#paths.machineAd, text, 0o644)
  }

  /** Writes the pool key and all tokens; returns whether any file changed. @throws WowError that names the file. */
  authorize({ keys, domain, users }: Secrets): boolean {
    const { passwords, tokens, userTokens } = this.#paths
    this.#folder(passwords, 0o700)
    this.#folder(tokens, 0o700)
    this.#folder(userTokens, 0o755)
    const token = (user: string, scope?: string) =>
      `${mintToken({ keys, trustDomain: domain, subject: `${user}@${domain}`, ...(scope === undefined ? {} : { scope }) })}\n`
    let changed = this.#write(join(passwords, 'POOL'), poolKeyFile(keys), 0o600)
    changed = this.#write(join(tokens, 'wow'), token('condor'), 0o600) || changed
    // Where users have their own folders, HTCondor looks for the daemons' tokens in such folders too.
    for (const name of DAEMON_USERS) this.#link(join(userTokens, name), tokens)
    for (const { name, uid, gid } of this.#accounts(users)) {
      // The users' folders are in a folder of root's, so no user can redirect these writes.
      const folder = join(userTokens, name)
      this.#folder(folder, 0o700)
      const file = join(folder, 'wow')
      const written = this.#write(file, token(name, USER_SCOPE), 0o600)
      if (written) chownSync(file, uid, gid)
      chownSync(folder, uid, gid)
      changed = written || changed
    }
    return changed
  }

  #accounts(users: readonly string[]): { name: string; uid: number; gid: number }[] {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
    return lines.flatMap((line) => {
      const [name = '', , uid, gid] = line.split(':')
      return users.includes(name) ? [{ name, uid: Number(uid), gid: Number(gid) }] : []
    })
  }

  #folder(path: string, mode: number): void {
    try {
      mkdirSync(path, { recursive: true, mode })
      chmodSync(path, mode)
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  #link(path: string, target: string): void {
    try {
      if (existsSync(path)) return
      rmSync(path, { force: true })
      symlinkSync(target, path)
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  #write(path: string, content: string | Uint8Array, mode: number): boolean {
    if (holds(path, content)) return false
    try {
      writeWhole(path, content, mode)
    } catch (error) {
      throw unwritable(path, error)
    }
    return true
  }
}

function holds(path: string, content: string | Uint8Array): boolean {
  return readIfThere(path)?.equals(Buffer.from(content as Uint8Array)) ?? false
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw unwritable(path, error)
  }
}

function unwritable(path: string, error: unknown): WowError {
  return new WowError(
    'CONDOR_UNWRITABLE',
    `${path} cannot be written: ${messageOf(error)}.`,
    'Run the agent as root, on a file system that may be written and has room.',
    { cause: error },
  )
}
