/**
 * Stores build results under the digest of their inputs.
 *
 * An entry is a folder with its files and an `entry.json` with their digests. It appears whole or not at all. An entry
 * whose files do not match its `entry.json` is thrown away and built again. One process at a time builds a kind.
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import * as v from 'valibot'
import { writeWhole } from '../../agent/core/files.ts'
import { filesUnder } from '../lib/files-under.ts'
import { withLock } from '../lib/lock.ts'
import { cacheFolder, lockFile, scratchFolder } from '../lib/paths.ts'
import { say } from '../lib/progress.ts'
import { sha256Files } from './sha256.ts'

const entrySchema = v.object({
  key: v.string(),
  files: v.record(v.string(), v.object({ size: v.number(), sha256: v.string() })),
})

/** Number of entries of one kind that are kept: the one in use and the one before it. */
const KEPT = 2

/** A digest over named parts, each of which changes it. A file counts with its name, content and executable bit. */
export class KeyBuilder {
  readonly #hash = createHash('sha256')

  value(name: string, value: unknown): this {
    this.#hash.update(`${JSON.stringify([name, value])}\n`)
    return this
  }

  file(name: string, path: string): this {
    const executable = (statSync(path).mode & 0o100) !== 0
    return this.value(name, [executable, createHash('sha256').update(readFileSync(path)).digest('hex')])
  }

  folder(name: string, path: string): this {
    for (const file of filesUnder(path)) this.file(`${name}/${relative(path, file)}`, file)
    return this
  }

  finish(): string {
    return this.#hash.digest('hex').slice(0, 32)
  }
}

export interface CacheOptions {
  /** What is built, such as `packages-minimal`; entries of one kind replace each other. */
  readonly kind: string
  readonly key: string
  /** Fills the empty folder. */
  readonly build: (folder: string) => Promise<void>
  /** Another folder than .cache, for tests. */
  readonly folder?: string
}

/** Whether there is such an entry, intact or not. */
export function has(kind: string, key: string, folder = cacheFolder): boolean {
  return existsSync(join(folder, kind, key, 'entry.json'))
}

/** Whether there is such an entry and its files are unchanged. */
export async function isIntact(kind: string, key: string, folder = cacheFolder): Promise<boolean> {
  return (await inspect(join(folder, kind, key), key)) === 'intact'
}

/** The entry's folder; builds the entry if it is missing or damaged. */
export async function cached({ kind, key, build, folder = cacheFolder }: CacheOptions): Promise<string> {
  const entry = join(folder, kind, key)
  const lock = folder === cacheFolder ? lockFile(kind) : join(folder, 'locks', kind)
  return await withLock(lock, kind, async () => {
    const state = await inspect(entry, key)
    if (state === 'intact') {
      utimesSync(entry, new Date(), new Date())
      return entry
    }
    if (state === 'damaged') say(`    the cached ${kind} is damaged and is built again`)
    const scratch = folder === cacheFolder ? scratchFolder(kind) : join(folder, 'tmp', kind)
    rmSync(scratch, { recursive: true, force: true })
    mkdirSync(scratch, { recursive: true })
    try {
      await build(scratch)
      await seal(scratch, key)
      mkdirSync(join(folder, kind), { recursive: true })
      rmSync(entry, { recursive: true, force: true })
      renameSync(scratch, entry)
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
    prune(join(folder, kind), basename(entry))
    return entry
  })
}

async function seal(folder: string, key: string): Promise<void> {
  const paths = filesUnder(folder)
  const digests = await sha256Files(paths)
  const files = Object.fromEntries(
    paths.map((path, i) => [relative(folder, path), { size: statSync(path).size, sha256: digests[i] ?? '' }]),
  )
  writeWhole(join(folder, 'entry.json'), `${JSON.stringify({ key, files }, null, 2)}\n`, 0o644)
}

async function inspect(entry: string, key: string): Promise<'absent' | 'intact' | 'damaged'> {
  let text: string
  try {
    statSync(entry)
  } catch {
    return 'absent'
  }
  try {
    text = readFileSync(join(entry, 'entry.json'), 'utf8')
    const sealed = v.parse(entrySchema, JSON.parse(text))
    if (sealed.key !== key) return 'damaged'
    const files = Object.entries(sealed.files)
    if (files.some(([name, { size }]) => statSync(join(entry, name)).size !== size)) return 'damaged'
    const digests = await sha256Files(files.map(([name]) => join(entry, name)))
    return files.every(([, { sha256 }], i) => digests[i] === sha256) ? 'intact' : 'damaged'
  } catch {
    return 'damaged'
  }
}

function prune(kindFolder: string, current: string): void {
  const others = readdirSync(kindFolder)
    .filter((name) => name !== current)
    .map((name) => ({ name, used: statSync(join(kindFolder, name)).mtimeMs }))
    .sort((a, b) => b.used - a.used)
  for (const { name } of others.slice(KEPT - 1)) rmSync(join(kindFolder, name), { recursive: true, force: true })
}
