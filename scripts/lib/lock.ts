/**
 * A lock between processes, held by flock(1).
 *
 * The kernel releases it however its holder dies, so a lock never outlives a killed build.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { say } from './progress.ts'

/** Runs `work` while no other process holds `path`; names `what` when it has to wait for another process. */
export async function withLock<T>(path: string, what: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true })
  let holder = await hold(path, ['--nonblock'])
  if (holder === undefined) {
    say(`    waiting: another process works on ${what}`)
    holder = await hold(path, [])
  }
  if (holder === undefined) throw new Error(`cannot lock ${path}`)
  try {
    return await work()
  } finally {
    await release(holder)
  }
}

async function release(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return
  const released = new Promise((resolve) => holder.once('exit', resolve))
  holder.ref()
  holder.stdin?.end()
  await released
}

/** A child that keeps the lock until its standard input ends: when we end it, or when this process dies. */
async function hold(path: string, flags: string[]): Promise<ChildProcess | undefined> {
  const child = spawn('flock', [...flags, '--exclusive', path, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // an interrupt from the keyboard must not take the lock away before the work has stopped
  })
  return await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => resolve(undefined))
    child.stdout?.once('data', () => {
      child.unref()
      resolve(child)
    })
  })
}
