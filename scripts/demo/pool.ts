/**
 * `make demo FLAVOUR=condor`: an HTCondor pool that assembles itself on one machine.
 *
 * Each host has the condor flavour's file system in its own namespaces, with an agent, a tap and dhclient. The demo
 * ends with `condor_status` and a job that is submitted on one host and runs on another.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeWhole } from '../../agent/core/files.ts'
import { openPoolLab, PoolHost, settled } from '../../lab/condor-pool.ts'
import { distFolder } from '../lib/paths.ts'
import { say, sinceStart, step } from '../lib/progress.ts'

export async function poolDemo(count: number): Promise<void> {
  const started = new Date().toISOString()
  const pool = await step('a file system for all hosts, a bootstrap node, a namespace', openPoolLab)
  try {
    const names = Array.from({ length: count }, (_, index) => `host${index + 1}`)
    const hosts = await step(`${count} machines`, () => Promise.all(names.map((name) => PoolHost.create(pool, name))))
    const startedAt = performance.now()
    const manager = await step('they become one pool', async () => {
      await Promise.all(hosts.map((host) => host.join()))
      return await settled(hosts)
    })
    const poolMs = Math.round(performance.now() - startedAt)
    const { term } = (await manager.status()).manager ?? { term: 0 }
    say(`    ${manager.name} (${manager.ip}) manages it in term ${term}`)
    const [from, to] = [hosts[0], hosts[1] ?? hosts[0]]
    if (from === undefined || to === undefined) throw new RangeError('no hosts')
    const output = await step(`a job of ${from.name}, for any other machine`, async () => {
      const script = 'echo "hello from $(hostname), as $(id -un)"'
      const job = await from.submit({ script, requirements: `Machine != "${from.hostname}"` })
      return (await job.output()).trim()
    })
    const finishedMs = Math.round(performance.now() - startedAt)
    const status = await from.run('condor_status')

    show(`$ condor_status\n${status.trim()}`)
    show(`$ cat job.out          # submitted on ${from.name}\n${output}`)
    const folder = join(distFolder, 'demo')
    mkdirSync(folder, { recursive: true })
    const rows = hosts.map(({ name, ip, hostname }) => ({ name, ip, hostname, manager: ip === manager.ip }))
    const report = { started, hosts: rows, term, poolMs, finishedMs, job: { from: from.name, output } }
    writeWhole(join(folder, 'pool.json'), `${JSON.stringify(report, null, 2)}\n`, 0o644)
    say(`From nothing to one pool ${seconds(poolMs)}, to a finished job ${seconds(finishedMs)}.`)
    say(`dist/demo/pool.json written after ${sinceStart()}.`)
    if (new RegExp(`hello from ${from.name}\\b`).test(output) || !output.startsWith('hello from')) process.exitCode = 1
  } finally {
    await step('clean up', async () => pool.lab.close())
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function show(text: string): void {
  process.stdout.write(`\n${text}\n\n`)
}
