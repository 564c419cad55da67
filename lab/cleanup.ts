/**
 * What one run of the lab owns on this machine, and how it is removed.
 *
 * Guarantees that everything registered here is removed when the process ends: normally, by an uncaught error, or by
 * SIGINT, SIGTERM or SIGHUP. A process that is killed can remove nothing. Its namespaces and folders therefore have its
 * id and start time in their names, and the next run removes those that belong to no living process.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startOf } from '../agent/host/process-start.ts'

const PREFIX = 'wowlab'
const OWNED = new RegExp(`^${PREFIX}-(\\d+)-(\\d+)-`)
const NETNS_FOLDER = '/run/netns'
/** Exit codes as in a shell: 128 plus the signal's number. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

const cleanups = new Set<() => void>()
let prepared = false
let made = 0

/** Calls `cleanup` when the process ends, unless the returned function was called before. */
export function atEnd(cleanup: () => void): () => void {
  prepare()
  cleanups.add(cleanup)
  return () => cleanups.delete(cleanup)
}

/** A name that no other run uses, and that shows which process owns it. */
export function ownName(label: string): string {
  prepare()
  return `${PREFIX}-${process.pid}-${startOf(process.pid)}-${made++}-${label}`
}

/** A folder for this run, 0700. */
export function ownFolder(label: string): string {
  const path = mkdtempSync(join(tmpdir(), `${ownName(label)}-`))
  atEnd(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Kills every process in a network namespace and removes the namespace; one that is gone is no error. */
export function removeNetns(name: string): void {
  for (const pid of pidsIn(name)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself meanwhile.
    }
  }
  try {
    execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' })
  } catch {
    // Removed already.
  }
  rmSync(netnsSettings(name), { recursive: true, force: true })
}

/** Files in it take the place of those in /etc for programs in the namespace (ip-netns(8)). */
export function netnsSettings(name: string): string {
  return join('/etc/netns', name)
}

/** Processes of the namespace. */
export function pidsIn(netns: string): number[] {
  try {
    const list = execFileSync('ip', ['netns', 'pids', netns], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return list.split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function prepare(): void {
  if (prepared) return
  prepared = true
  removeLeftovers()
  process.on('exit', () => {
    for (const cleanup of [...cleanups].reverse()) cleanup()
  })
  for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(code))
}

function removeLeftovers(): void {
  for (const name of listed(NETNS_FOLDER)) if (isOrphan(name)) removeNetns(name)
  for (const name of listed(tmpdir())) {
    if (isOrphan(name)) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

function isOrphan(name: string): boolean {
  const owner = OWNED.exec(name)
  return owner !== null && startOf(Number(owner[1])) !== owner[2]
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // No namespace was ever made here.
  }
}
