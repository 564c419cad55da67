/**
 * A base that a user customised by booting it (`make custom`): a folder with a qcow2, its SPDX document and base.json.
 *
 * Everything that is baked from a flavour's base can be baked from a custom base too.
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { InputError, WowError } from '../../../agent/core/errors.ts'
import { qcow2 } from '../disks/qcow2.ts'
import { emptySlot, findOnDisk, SLOT_SIZE } from '../disks/slot.ts'
import { readExt4 } from '../hygiene/ext4.ts'
import { sha256File } from '../sha256.ts'
import { type Base, checkHygiene } from './base.ts'
import { rootOffset } from './disk.ts'
import type { Flavour } from './flavour.ts'
import { type DebianPackage, sbom } from './sbom.ts'

const factsSchema = v.object({
  flavour: v.string(),
  slotAt: v.number(),
  at: v.number(),
  packageListDigest: v.string(),
  sha256: v.string(),
})

/** Makes a custom base in the folder `to` from a customised raw disk. @throws WowError when the disk is unfit. */
export async function writeCustomBase(flavour: Flavour, raw: string, slotAt: number, to: string): Promise<void> {
  if (findOnDisk(raw, emptySlot(), slotAt, slotAt + SLOT_SIZE) !== slotAt) {
    throw new WowError(
      'SLOT_GONE',
      'The customised disk has no slot where the base has it',
      'Leave /etc/wow/appliance.json and the partitions as they are',
    )
  }
  await checkHygiene(flavour, raw)
  mkdirSync(to, { recursive: true })
  const disk = join(to, 'disk.qcow2')
  const at = await qcow2.convert({ path: raw, slotAt }, disk)
  const sha256 = await sha256File(disk)
  const packages = await installedPackages(flavour, raw)
  const document = sbom({ flavour: `${flavour.name}-custom`, suite: flavour.suite, baseId: idOf(sha256), packages })
  writeFileSync(join(to, 'sbom.spdx.json'), document)
  const packageListDigest = createHash('sha256').update(JSON.stringify(packages)).digest('hex')
  const facts = { flavour: flavour.name, slotAt, at, packageListDigest, sha256 }
  writeFileSync(join(to, 'base.json'), `${JSON.stringify(facts, null, 2)}\n`)
}

/** @throws InputError when the folder has no custom base, or one that was changed. */
export async function readCustomBase(folder: string): Promise<{ base: Base; flavour: string }> {
  const facts = customBaseFacts(folder)
  const disk = join(folder, 'disk.qcow2')
  if ((await sha256File(disk)) !== facts.sha256) {
    throw new InputError('BASE_DAMAGED', `BASE: ${disk} is not what it was`, 'Make it again with make custom')
  }
  const { slotAt, at, packageListDigest, flavour, sha256 } = facts
  const base: Base = {
    name: 'custom',
    id: idOf(sha256),
    disk: { path: disk, at },
    slotAt,
    packageListDigest,
    sbom: join(folder, 'sbom.spdx.json'),
  }
  return { base, flavour }
}

/** What base.json says. @throws InputError when there is none. */
export function customBaseFacts(folder: string): v.InferOutput<typeof factsSchema> {
  const file = join(folder, 'base.json')
  if (!existsSync(file)) {
    throw new InputError(
      'BASE_UNKNOWN',
      `BASE: ${folder} holds no customised base`,
      'Name a folder that make custom made',
    )
  }
  return v.parse(factsSchema, JSON.parse(readFileSync(file, 'utf8')))
}

const idOf = (sha256: string) => sha256.slice(0, 32)

/** The packages that dpkg lists as installed on the disk now. */
async function installedPackages(flavour: Flavour, raw: string): Promise<DebianPackage[]> {
  const path = '/var/lib/dpkg/status'
  const status = (await (await readExt4(raw, rootOffset(flavour))).read([path])).get(path)
  const paragraphs = Buffer.from(status ?? [])
    .toString()
    .trim()
    .split('\n\n')
  const installed = paragraphs.filter((text) => /^Status: \S+ \S+ installed$/m.test(text))
  return installed.map((text) => {
    const field = (name: string) => new RegExp(`^${name}: (\\S+)`, 'm').exec(text)?.[1] ?? ''
    const name = field('Package')
    return { name, version: field('Version'), architecture: field('Architecture'), source: field('Source') || name }
  })
}
