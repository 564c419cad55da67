/**
 * Settings that one copy of an appliance was given after the image was made (docs/appliance.md): from a folder with one file a
 * source, named so that a later one in the order of names overrides an earlier one.
 *
 * Each source is said on the console with the fields that it set; one that cannot be used is said too, and left out.
 */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, InputError } from '../core/errors.ts'
import { readConfigFile, type UpOptions } from './config.ts'

export interface Source {
  /** Such as `cidata`. */
  readonly name: string
  /** Fields that it set. */
  readonly fields: readonly string[]
  /** Why it does not count; undefined: it does. */
  readonly problem?: string
}

export interface Overridden {
  readonly options: UpOptions
  readonly sources: readonly Source[]
}

/** What one copy may be told; the rest is how the image is made, and a mistake there would take the machine away. */
const FIELDS: readonly string[] = ['token', 'bootstrap', 'listen', 'announce', 'mdns', 'mtu', 'condor']
/** `20-cidata.json`. */
const FILE = /^(?:\d+-)?(.+)\.json$/

/** `image`: what the image itself says. @throws the system's error when the folder is there and cannot be read. */
export function override(image: UpOptions, folder: string, warn: (sentence: string) => void): Overridden {
  let options = image
  const sources: Source[] = []
  for (const file of filesOf(folder)) {
    const name = FILE.exec(file)?.[1]
    if (name === undefined) continue
    try {
      const given = Object.fromEntries(
        Object.entries(readConfigFile(join(folder, file), warn)).filter(([field]) => FIELDS.includes(field)),
      )
      options = { ...options, ...given }
      sources.push({ name, fields: Object.keys(given) })
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      sources.push({ name, fields: [], problem: error.message })
    }
  }
  return { options, sources }
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** `wow: settings from=cidata fields=token,bootstrap`; never what they are set to, for a token is a secret. */
export function sourceLine({ name, fields, problem }: Source): string {
  const rest = problem === undefined ? `fields=${fields.join(',') || 'none'}` : `problem=${JSON.stringify(problem)}`
  return `wow: settings from=${name} ${rest}`
}
