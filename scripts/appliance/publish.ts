/**
 * Publishes finished files as dist/<namespace>/, whole or not at all.
 */

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { writeWhole } from '../../agent/core/files.ts'
import { sha256Files } from './sha256.ts'

export interface ManifestFacts {
  readonly namespace: { readonly id: string; readonly name: string; readonly pool: string }
  readonly flavour: string
  readonly formats: readonly string[]
  readonly baseId: string
  readonly packageListDigest: string
  readonly sourceDateEpoch: number
}

/** Writes what the bake knows to the folder's manifest.json; `complete` adds the rest. */
export function writeFacts(folder: string, facts: ManifestFacts): void {
  writeWhole(join(folder, 'manifest.json'), JSON.stringify(facts), 0o644)
}

/** Adds the folder's files to manifest.json, and writes SHA256SUMS over all of them, as sha256sum(1) does. */
export async function complete(folder: string): Promise<void> {
  const facts: unknown = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  const names = readdirSync(folder)
    .filter((name) => name !== 'manifest.json')
    .sort()
  const digests = await sha256Files(names.map((name) => join(folder, name)))
  const files = names.map((name, i) => ({ name, bytes: statSync(join(folder, name)).size, sha256: digests[i] ?? '' }))
  const manifest = `${JSON.stringify({ ...(facts as ManifestFacts), files }, null, 2)}\n`
  writeWhole(join(folder, 'manifest.json'), manifest, 0o644)
  const sums = new Map(files.map(({ name, sha256 }) => [name, sha256]))
  sums.set('manifest.json', createHash('sha256').update(manifest).digest('hex'))
  writeWhole(join(folder, 'SHA256SUMS'), formatSums(sums), 0o644)
}

/** Parses lines of digest and file name, with any white space between them. */
export function parseSums(text: string): Map<string, string> {
  const sums = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]{64})\s+\*?(\S.*)$/.exec(line.trim())
    if (match?.[1] !== undefined && match[2] !== undefined) sums.set(match[2], match[1])
  }
  return sums
}

export function formatSums(sums: ReadonlyMap<string, string>): string {
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, sha256]) => `${sha256}  ${name}\n`)
    .join('')
}

/** Puts `folder` in the place of `target`, both on one file system; removes what was there. */
export function replaceFolder(folder: string, target: string): void {
  const old = `${folder}.old`
  try {
    renameSync(target, old)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  renameSync(folder, target)
  rmSync(old, { recursive: true, force: true })
}

/** An empty folder for unfinished output of `name`, after removing what an interrupted run left there. */
export function freshFolder(parent: string, name: string): string {
  mkdirSync(parent, { recursive: true })
  const prefix = `.${name}.`
  for (const entry of readdirSync(parent)) {
    if (entry.startsWith(prefix)) rmSync(join(parent, entry), { recursive: true, force: true })
  }
  const folder = join(parent, `${prefix}new`)
  mkdirSync(folder, { mode: 0o755 })
  return folder
}
