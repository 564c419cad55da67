/**
 * An order for the stages: written by the script that runs them, read by each stage.
 *
 * It contains the namespace's token, so the file is 0600 and is removed after the run. Packer sees only its path.
 */

import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { condorSchema } from '../../agent/condor/settings.ts'
import { writeWhole } from '../../agent/core/files.ts'
import { cacheFolder } from '../lib/paths.ts'
import { FORMAT_NAMES } from './formats/registry.ts'

export const requestSchema = v.object({
  namespace: v.object({ id: v.string(), name: v.string(), pool: v.string(), token: v.string() }),
  flavour: v.string(),
  /** Folder of a customised base; undefined: the flavour's own. */
  base: v.optional(v.string()),
  formats: v.array(v.picklist(FORMAT_NAMES)),
  bootstrap: v.array(v.string()),
  sshKeys: v.array(v.string()),
  condor: v.optional(condorSchema),
  mirror: v.optional(v.string()),
  /** Stem of the file names. */
  basename: v.string(),
  /** Where the finished files go. */
  folder: v.string(),
})

export type Request = v.InferOutput<typeof requestSchema>

export function readRequest(path: string): Request {
  return v.parse(requestSchema, JSON.parse(readFileSync(path, 'utf8')))
}

/** Gives `work` the order as a file, and removes the file afterwards. */
export async function withOrder(request: Request, work: (path: string) => Promise<void>): Promise<void> {
  const orders = join(cacheFolder, 'requests')
  mkdirSync(orders, { recursive: true, mode: 0o700 })
  const order = join(orders, `${process.pid}.json`)
  writeWhole(order, JSON.stringify(request), 0o600)
  try {
    await work(order)
  } finally {
    rmSync(order, { force: true })
  }
}

/** A namespace's name as part of a file name: every run of other characters becomes a dash. */
export function fileStem(name: string, id: string): string {
  const plain = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '')
  return `wow-${plain.slice(0, 60) || id}`
}
