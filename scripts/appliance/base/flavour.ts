/**
 * Flavours: what goes into an appliance, read from images/<name>/flavour.json and checked.
 *
 * A flavour that `extends` another gives only the differences: its lists are added to the other's, its other fields
 * replace the other's, and its files are laid over the other's.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { condorSchema } from '../../../agent/condor/settings.ts'
import { codeOf, InputError, messageOf } from '../../../agent/core/errors.ts'
import { imagesFolder } from '../../lib/paths.ts'
import type { Permitted } from '../hygiene/hygiene.ts'

const name = (pattern: RegExp, what: string) => v.pipe(v.string(), v.regex(pattern, `is no ${what}`))
const packageName = name(/^[a-z0-9][a-z0-9+.-]+$/, 'Debian package name')
const unitName = name(/^[\w@.:-]+\.(service|socket|timer|mount|target)$/, 'systemd unit name')
const relativePath = name(/^[\w.-]+(\/[\w.-]+)*$/, 'path under the kernel modules folder')
const mebibytes = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least))

export const flavourSchema = v.strictObject({
  description: v.string(),
  /** Debian release. */
  suite: name(/^[a-z]+$/, 'Debian release'),
  packages: v.pipe(v.array(packageName), v.minLength(1)),
  /** Kernel modules that must be there to reach the root file system. */
  bootModules: v.array(name(/^[\w-]+$/, 'kernel module')),
  /** Paths that dpkg never unpacks, now or in an upgrade. */
  excludePaths: v.array(name(/^\/[\w.@/*-]+$/, 'absolute path')),
  /** Folders of kernel modules for hardware that no virtual machine has. */
  excludeModules: v.array(relativePath),
  /** `enable` names every unit that may start by itself: any other that a package or hook enables fails the build. */
  units: v.strictObject({
    enable: v.array(unitName),
    disable: v.array(unitName),
    mask: v.array(unitName),
  }),
  /** Programs that may be setuid or setgid; any other fails the build. */
  privileged: v.array(name(/^\/[\w.@/+-]+$/, 'absolute path')),
  /** Partition sizes; the file system for the firmware must be large enough for FAT32, which is 33 MiB. */
  disk: v.strictObject({ espMiB: mebibytes(34), rootMiB: mebibytes(512) }),
  machine: v.strictObject({ memoryMiB: mebibytes(256), cpus: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
  /** The interface of the virtual network, at most 15 characters (IFNAMSIZ). */
  tap: name(/^[a-z][a-z0-9]{0,14}$/, 'interface name'),
  /** Its machines form an HTCondor pool, with these settings unless the user gives others. */
  condor: v.optional(condorSchema),
})

export type FlavourSettings = v.InferOutput<typeof flavourSchema>
export interface Flavour extends FlavourSettings {
  readonly name: string
  /** images/<name> of the flavours that it extends, then its own; files in their `root` go over templates/root. */
  readonly folders: readonly string[]
}

/** What the hygiene gate permits. */
export function permittedBy({ privileged, units }: Flavour): Permitted {
  // A masked unit does not start, whatever wants it.
  return { privileged, units: [...units.enable, ...units.mask] }
}

/** What a flavour that extends another may contain. */
const extensionSchema = v.strictObject({
  extends: name(/^[a-z0-9-]+$/, 'flavour'),
  ...v.partial(flavourSchema).entries,
  units: v.optional(v.partial(flavourSchema.entries.units)),
})

/** The names of all flavours. */
export function flavourNames(folder = imagesFolder): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}

/** @throws InputError when there is no such flavour or its file is invalid. */
export function readFlavour(flavour: string, imagesAt = imagesFolder): Flavour {
  return read(flavour, imagesAt, [])
}

/** `above`: the flavours that extend this one. */
function read(flavour: string, imagesAt: string, above: readonly string[]): Flavour {
  const folder = join(imagesAt, flavour)
  const file = join(folder, 'flavour.json')
  const json = parseJson(readText(flavour, file, imagesAt), file)
  if (typeof json !== 'object' || json === null || !('extends' in json)) {
    return { ...checked(flavourSchema, json, file), name: flavour, folders: [folder] }
  }
  const { extends: base, ...own } = checked(extensionSchema, json, file)
  const chain = [...above, flavour]
  if (chain.includes(base)) {
    throw invalid(`${file}: extends: a flavour cannot extend itself (${[...chain, base].join(' -> ')})`)
  }
  const { folders, name: _base, ...settings } = read(base, imagesAt, chain)
  return { ...merged(settings, own), name: flavour, folders: [...folders, folder] }
}

type Extension = Omit<v.InferOutput<typeof extensionSchema>, 'extends'>

function merged(base: FlavourSettings, own: Extension): FlavourSettings {
  const both = (a: readonly string[], b: readonly string[] = []) => [...new Set([...a, ...b])].sort()
  return {
    ...base,
    ...own,
    packages: both(base.packages, own.packages),
    bootModules: both(base.bootModules, own.bootModules),
    excludePaths: [...base.excludePaths, ...(own.excludePaths ?? [])],
    excludeModules: both(base.excludeModules, own.excludeModules),
    privileged: both(base.privileged, own.privileged),
    units: {
      enable: both(base.units.enable, own.units?.enable),
      disable: both(base.units.disable, own.units?.disable),
      mask: both(base.units.mask, own.units?.mask),
    },
  }
}

function readText(flavour: string, file: string, imagesAt: string): string {
  try {
    if (!/^[a-z0-9-]+$/.test(flavour)) throw Object.assign(new Error(), { code: 'ENOENT' })
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    throw new InputError(
      'FLAVOUR_UNKNOWN',
      `FLAVOUR: there is no flavour "${flavour}"`,
      `Choose one of: ${flavourNames(imagesAt).join(', ')}`,
    )
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid(`${file} is no JSON: ${messageOf(error)}`)
  }
}

function checked<Schema extends v.GenericSchema>(schema: Schema, json: unknown, file: string): v.InferOutput<Schema> {
  const result = v.safeParse(schema, json)
  if (result.success) return result.output
  const issue = result.issues[0]
  const message = issue.message.startsWith('is no') ? `${JSON.stringify(issue.input)} ${issue.message}` : issue.message
  throw invalid(`${file}: ${v.getDotPath(issue) ?? 'file'}: ${message}`)
}

function invalid(message: string): InputError {
  return new InputError('FLAVOUR_INVALID', message, 'Correct the file')
}
