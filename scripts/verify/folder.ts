/** Checks the files of a dist/ folder against its SHA256SUMS, its manifest and its signature. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { FORMAT_NAMES } from '../appliance/formats/registry.ts'
import { parseSums } from '../appliance/publish.ts'
import { sha256Files } from '../appliance/sha256.ts'
import { checkSignature } from '../appliance/signature.ts'
import { type Check, check, must } from './check.ts'

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))
const manifestSchema = v.strictObject({
  namespace: v.strictObject({ id: v.string(), name: v.string(), pool: v.string() }),
  flavour: v.string(),
  formats: v.array(v.picklist(FORMAT_NAMES)),
  baseId: v.string(),
  packageListDigest: digest,
  sourceDateEpoch: v.number(),
  files: v.array(v.strictObject({ name: v.string(), bytes: v.number(), sha256: digest })),
})
export type Manifest = v.InferOutput<typeof manifestSchema>

const spdxSchema = v.object({
  spdxVersion: v.literal('SPDX-2.3'),
  packages: v.pipe(v.array(v.object({ SPDXID: v.string(), name: v.string() })), v.minLength(2)),
  relationships: v.array(v.object({ spdxElementId: v.string(), relatedSpdxElement: v.string() })),
})

/** Not in SHA256SUMS: the file itself, and its signature. */
const UNSUMMED = ['SHA256SUMS', 'SHA256SUMS.sig']
/** A namespace's token, wherever it may be. */
const TOKEN = /wow1[a-z2-7]{60,}/

export function readManifest(folder: string): Manifest {
  return v.parse(manifestSchema, JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
}

/** `signer`: file with the public key that must have signed. */
export async function checkFolder(folder: string, signer: string | undefined): Promise<Check[]> {
  const names = readdirSync(folder).sort()
  const summed = names.filter((name) => !UNSUMMED.includes(name))
  const digests = await sha256Files(summed.map((name) => join(folder, name)))
  const actual = new Map(summed.map((name, i) => [name, digests[i] ?? '']))
  return [
    await check('SUMS', () => sums(folder, actual)),
    ...(signer !== undefined || names.includes('SHA256SUMS.sig')
      ? [await check('SIGNATURE', () => signature(folder, signer))]
      : []),
    await check('MANIFEST', () => manifest(folder, actual)),
    await check('SECRECY', () => secrecy(folder, names)),
    await check('SBOM', () => bill(folder, names)),
  ]
}

function sums(folder: string, actual: ReadonlyMap<string, string>): string {
  const said = parseSums(readFileSync(join(folder, 'SHA256SUMS'), 'utf8'))
  for (const [name, sha256] of said) {
    must(actual.has(name), `${name} is not there`)
    must(actual.get(name) === sha256, `${name} is not what SHA256SUMS says`)
  }
  for (const name of actual.keys()) must(said.has(name), `SHA256SUMS does not know ${name}`)
  return `${said.size} files`
}

function signature(folder: string, signer: string | undefined): string {
  must(existsSync(join(folder, 'SHA256SUMS.sig')), 'SHA256SUMS is not signed')
  const { ok, detail } = checkSignature(join(folder, 'SHA256SUMS'), signer)
  must(ok, detail)
  return detail
}

function manifest(folder: string, actual: ReadonlyMap<string, string>): string {
  const { files, flavour, namespace } = readManifest(folder)
  for (const { name, bytes, sha256 } of files) {
    must(actual.get(name) === sha256, `${name} is not what manifest.json says`)
    must(statSync(join(folder, name)).size === bytes, `${name} does not have ${bytes} bytes`)
  }
  const missing = [...actual.keys()].filter((name) => name !== 'manifest.json' && !files.some((f) => f.name === name))
  must(missing.length === 0, `manifest.json does not know ${missing.join(', ')}`)
  return `flavour ${flavour}, namespace ${namespace.name} (${namespace.id})`
}

/** Files that others may read contain no secret; a file that contains one may be read only by its owner. */
function secrecy(folder: string, names: readonly string[]): string {
  for (const name of names) {
    const path = join(folder, name)
    const isPublic = (statSync(path).mode & 0o044) !== 0
    if (!isPublic) continue
    must(!/\.(qcow2|ova|vmdk|vdi|raw\.zst|box)$/.test(name), `everybody may read ${name}, which holds the secret`)
    must(!TOKEN.test(readFileSync(path, 'latin1')), `everybody may read ${name}, which holds a token`)
  }
  return 'only the owner may read what holds the secret'
}

function bill(folder: string, names: readonly string[]): string {
  const name = names.find((candidate) => candidate.endsWith('.spdx.json'))
  must(name !== undefined, 'there is no SPDX document')
  const { packages, relationships } = v.parse(spdxSchema, JSON.parse(readFileSync(join(folder, name), 'utf8')))
  const ids = new Set([...packages.map(({ SPDXID }) => SPDXID), 'SPDXRef-DOCUMENT'])
  must(ids.size === packages.length + 1, 'two packages of the SPDX document have one id')
  for (const { spdxElementId, relatedSpdxElement } of relationships) {
    must(ids.has(spdxElementId) && ids.has(relatedSpdxElement), `${relatedSpdxElement} is not in the SPDX document`)
  }
  return `${packages.length} packages`
}
