/**
 * `wow bundle`: everything that a helper wants to see, as one JSON file without secrets.
 *
 * It works whether or not the agent runs: a page that cannot be had is replaced by the reason. Of the state folder it
 * contains only names, sizes and modes, never the files' content.
 */

import { execFile } from 'node:child_process'
import { lstatSync, readdirSync } from 'node:fs'
import { release } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { defaultStateFolder } from '../boot/config.ts'
import { askAgent, askAgentText } from '../control/client.ts'
import { diagnoseOffline } from '../control/offline.ts'
import { InputError, messageOf, WowError } from '../core/errors.ts'
import { writeWhole } from '../core/files.ts'
import { VERSION } from '../version.ts'
import { print, printJson } from './output.ts'

/** Lines of the journal: about a day of a quiet agent, or the last minutes of one in trouble. */
const LOG_LINES = 500
const UNITS = ['wow.service', 'wow-dhclient.service']
/** Limit for each program that is run for facts the agent does not know; one that hangs is killed, ms. */
const LIMIT_MS = 10_000
const MOST_OUTPUT = 4 * 2 ** 20

export interface BundleOptions {
  readonly state?: string
  readonly out?: string
  readonly json?: boolean
}

type Missing = { readonly missing: string }

export async function bundle({ state, out, json }: BundleOptions): Promise<void> {
  const folder = resolve(state ?? defaultStateFolder())
  const content = {
    made: new Date().toISOString(),
    version: VERSION,
    node: process.version,
    kernel: release(),
    folder: { path: folder, files: filesOf(folder) },
    doctor: await askAgent(folder, '/doctor').catch((error: unknown) => offline(folder, error)),
    status: await orReason(askAgent(folder, '/status')),
    peers: await orReason(askAgent(folder, '/peers')),
    leases: await orReason(askAgent(folder, '/leases')),
    condor: await orReason(askAgent(folder, '/condor')),
    metrics: await orReason(askAgentText(folder, '/metrics').then((text) => text.trimEnd().split('\n'))),
    addresses: await orReason(linesOf('ip', ['-brief', 'address'])),
    routes: await orReason(linesOf('ip', ['route'])),
    log: await orReason(linesOf('journalctl', journalArguments())),
  }
  if (json === true) return printJson(content)
  const path = resolve(out ?? `wow-bundle-${content.made.replaceAll(/[:.]/g, '-')}.json`)
  try {
    writeWhole(path, `${JSON.stringify(content, null, 2)}\n`)
  } catch (error) {
    throw new InputError(
      'OUT_UNWRITABLE',
      `--out: ${path} cannot be written: ${messageOf(error)}`,
      'Name another file.',
    )
  }
  print(`${path}\nIt holds addresses and names of your nodes, and no secret of a namespace.`)
}

function journalArguments(): string[] {
  const units = UNITS.flatMap((unit) => ['--unit', unit])
  return [...units, '--lines', String(LOG_LINES), '--no-pager', '--quiet', '--output', 'short-iso']
}

async function linesOf(program: string, args: readonly string[]): Promise<string[]> {
  const limits = { timeout: LIMIT_MS, maxBuffer: MOST_OUTPUT }
  const { stdout } = await promisify(execFile)(program, args, limits)
  return stdout.split('\n').filter((line) => line !== '')
}

async function orReason<T>(answer: Promise<T>): Promise<T | Missing> {
  try {
    return await answer
  } catch (error) {
    return { missing: messageOf(error) }
  }
}

function offline(folder: string, error: unknown): unknown {
  if (error instanceof WowError) return diagnoseOffline(folder, error)
  throw error
}

function filesOf(folder: string): { name: string; bytes: number; mode: string }[] | Missing {
  try {
    return readdirSync(folder).map((name) => {
      const { size, mode } = lstatSync(join(folder, name))
      return { name, bytes: size, mode: (mode & 0o777).toString(8).padStart(4, '0') }
    })
  } catch (error) {
    return { missing: messageOf(error) }
  }
}
