/** A check of a dist/ folder: what was checked, whether it holds, and what was found. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProcessOutput } from 'zx'
import { messageOf } from '../../agent/core/errors.ts'
import { tail } from '../lib/progress.ts'

export interface Check {
  readonly code: string
  readonly ok: boolean
  readonly detail: string
}

/** A check failed; the message is its detail. */
export class Failure extends Error {}

/** Runs `look`, which returns what it found, or throws when the check fails. */
export async function check(code: string, look: () => Promise<string> | string): Promise<Check> {
  try {
    return { code, ok: true, detail: await look() }
  } catch (error) {
    const detail = error instanceof ProcessOutput ? tail(error.stderr || error.stdout, 1) : messageOf(error)
    return { code, ok: false, detail }
  }
}

/** @throws Failure unless `holds`. */
export function must(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Failure(otherwise)
}

/** Gives `work` a folder on the disk (images are large), and removes it afterwards. */
export async function withScratch<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(parent === '' ? tmpdir() : parent, 'wow-verify-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
