/**
 * The namespaces that this user can bake into images or join: one file each in `$WOW_HOME/namespaces` (files 0600,
 * folder 0700).
 *
 * A namespace created here has its signing key too; an imported one has only what the token carries.
 */

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { codeOf, InputError, messageOf } from '../core/errors.ts'
import { writeWhole } from '../core/files.ts'
import { SECRET_BYTES } from './keys.ts'
import { openRecord, type SigningKey } from './record.ts'
import { formatToken, type JoinToken, MAX_BOOTSTRAPS } from './token.ts'

export interface KnownNamespace extends JoinToken {
  /** Undefined when the namespace was made elsewhere. */
  readonly signingKey: SigningKey | undefined
}

/** Short prefixes find a namespace by accident. */
const MIN_ID_PREFIX = 4
const VERSION = 1

const base64 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]*={0,2}$/))
const fileSchema = v.object({
  version: v.literal(VERSION),
  id: v.string(),
  name: v.string(),
  secret: base64,
  record: base64,
  signingKey: v.nullable(base64),
  bootstrap: v.pipe(v.array(v.string()), v.maxLength(MAX_BOOTSTRAPS)),
})

export class Keyring {
  readonly #folder: string

  /** `home`: the folder of all this user's data, see `wowHome`. The constructor does not touch it. */
  constructor(home: string) {
    this.#folder = join(home, 'namespaces')
  }

  /** Sorted by name. @throws InputError when a file is corrupt or the folder cannot be read. */
  list(): KnownNamespace[] {
    const files = this.#files().filter((file) => /^[a-z2-7]+\.json$/.test(file))
    return files
      .map((file) => this.#read(join(this.#folder, file)))
      .sort((a, b) => (a.signed.record.name < b.signed.record.name ? -1 : 1))
  }

  /** By id, by unique name, or by the first characters of an id. @throws InputError that lists the known namespaces. */
  find(wanted: string): KnownNamespace {
    const all = this.list()
    const byId = all.filter(({ signed }) => signed.id === wanted)
    const byName = all.filter(({ signed }) => signed.record.name === wanted)
    const byPrefix = wanted.length < MIN_ID_PREFIX ? [] : all.filter(({ signed }) => signed.id.startsWith(wanted))
    const found = [byId, byName, byPrefix].find((matches) => matches.length > 0) ?? []
    const [first, second] = found
    if (first !== undefined && second === undefined) return first
    if (first === undefined) {
      throw new InputError(
        'NAMESPACE_UNKNOWN',
        `The namespace ${JSON.stringify(wanted)} is not in the keyring ${this.#folder}, which holds ${summary(all)}.`,
        'Make it with `wow namespace create` or bring it with `wow namespace import TOKEN`.',
      )
    }
    throw new InputError(
      'NAMESPACE_AMBIGUOUS',
      `The namespace ${JSON.stringify(wanted)} may be any of ${summary(found)}.`,
      'Give its whole id.',
    )
  }

  /**
   * Stores a namespace; one stored before is replaced but keeps its signing key.
   *
   * @throws InputError when the folder cannot be written.
   */
  save(namespace: KnownNamespace): KnownNamespace {
    const { signed } = namespace
    const before = this.#files().includes(`${signed.id}.json`) ? this.#read(this.#path(signed.id)) : undefined
    const kept: KnownNamespace = { ...namespace, signingKey: namespace.signingKey ?? before?.signingKey }
    const content: v.InferOutput<typeof fileSchema> = {
      version: VERSION,
      id: signed.id,
      name: signed.record.name,
      secret: toBase64(kept.secret),
      record: toBase64(signed.encoded),
      signingKey: kept.signingKey === undefined ? null : toBase64(kept.signingKey),
      bootstrap: [...kept.bootstrap],
    }
    this.checkWritable()
    try {
      writeWhole(this.#path(signed.id), `${JSON.stringify(content, null, 2)}\n`)
    } catch (error) {
      throw this.#unwritable(error)
    }
    return kept
  }

  /** Makes the folder, so that no namespace is published whose keys cannot be stored. @throws InputError */
  checkWritable(): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw this.#unwritable(error)
    }
  }

  #unwritable(error: unknown): InputError {
    return new InputError(
      'KEYRING_UNWRITABLE',
      `The keyring ${this.#folder} cannot be written: ${messageOf(error)}.`,
      'Set WOW_HOME to a folder that you may write.',
      { cause: error },
    )
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`)
  }

  #files(): string[] {
    try {
      return readdirSync(this.#folder)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw new InputError(
        'KEYRING_UNREADABLE',
        `The keyring ${this.#folder} cannot be read: ${messageOf(error)}.`,
        'Set WOW_HOME to a folder of your own.',
        { cause: error },
      )
    }
  }

  #read(path: string): KnownNamespace {
    try {
      const content = v.parse(fileSchema, JSON.parse(readFileSync(path, 'utf8')))
      const signed = openRecord(fromBase64(content.record))
      const secret = fromBase64(content.secret)
      if (signed.id !== content.id) throw new Error(`its record belongs to ${signed.id}`)
      if (secret.length !== SECRET_BYTES) throw new Error(`its secret has ${secret.length} bytes`)
      const signingKey = content.signingKey === null ? undefined : (fromBase64(content.signingKey) as SigningKey)
      return { signed, secret, signingKey, bootstrap: content.bootstrap }
    } catch (error) {
      throw new InputError(
        'KEYRING_CORRUPT',
        `The keyring file ${path} is corrupt: ${messageOf(error)}.`,
        'Restore it from a backup, or remove it and import the namespace again with its token.',
        { cause: error },
      )
    }
  }
}

/** `$WOW_HOME`, or `~/.config/wow`. */
export function wowHome(environment: NodeJS.ProcessEnv): string {
  return environment.WOW_HOME || join(homedir(), '.config', 'wow')
}

export function tokenOf(namespace: KnownNamespace): string {
  return formatToken(namespace)
}

function summary(namespaces: readonly KnownNamespace[]): string {
  if (namespaces.length === 0) return 'none yet'
  const some = namespaces.slice(0, 10).map(({ signed }) => `${signed.record.name} (${signed.id})`)
  return some.join(', ') + (namespaces.length > some.length ? ' and others' : '')
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}
