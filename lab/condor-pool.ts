/**
 * An HTCondor pool in the lab: machines whose agents form one pool, and the jobs submitted to it.
 *
 * For tests, the demo and the benchmark.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askAgent } from '../agent/control/client.ts'
import type { CondorStatus } from '../agent/control/condor.ts'
import { type Bootstrap, Lab, type MachineHost, type NamespaceMade } from './lab.ts'
import { unpackRoot } from './machine-root.ts'
import { until } from './until.ts'

/** A pool that lost its manager recovers within a minute on an otherwise idle machine; this leaves room, ms. */
const PATIENCE_MS = 180_000
/** The user that submits jobs, as in the appliance. */
export const USER = 'wow'

export interface PoolLab {
  readonly lab: Lab
  readonly root: string
  readonly bootstrap: Bootstrap
  readonly namespace: NamespaceMade
}

export async function openPoolLab(): Promise<PoolLab> {
  const lab = await Lab.open()
  const root = lab.file('root')
  await unpackRoot(root)
  const bootstrap = await lab.bootstrap()
  const namespace = await lab.createNamespace(bootstrap, { name: 'lab', pool: '10.128.0.0/9' })
  return { lab, root, bootstrap, namespace }
}

export interface JobWish {
  /** Lines of a shell script; it runs on the machine that takes the job. */
  readonly script: string
  /** A ClassAd expression over the machine. */
  readonly requirements?: string
  readonly cpus?: number
}

export class PoolHost {
  readonly host: MachineHost
  ip = ''
  #jobs = 0

  /** Creates a machine of the pool without starting its agent. `condor`: settings as `--condor` takes them. */
  static async create({ lab, root, namespace }: PoolLab, label: string, condor = ''): Promise<PoolHost> {
    return new PoolHost(await lab.machine(label, root, { token: namespace.token, condor }))
  }

  private constructor(host: MachineHost) {
    this.host = host
  }

  get name(): string {
    return this.host.name
  }

  /** The machine's name in the pool. */
  get hostname(): string {
    return `n${this.ip.replaceAll('.', '-')}.lab.wow`
  }

  /** Starts the agent and the DHCP client; returns the address. */
  async join(): Promise<string> {
    this.ip = await this.host.join()
    return this.ip
  }

  async status(): Promise<CondorStatus> {
    return (await askAgent(this.host.agent.options.state, '/condor')) as CondorStatus
  }

  /** `status`, or undefined while the agent does not answer: a lab machine may get no CPU time for seconds. */
  async statusNow(): Promise<CondorStatus | undefined> {
    return await this.status().catch(() => undefined)
  }

  /** Waits until the machine is part of the pool. */
  async joined(): Promise<CondorStatus> {
    return await until(
      `${this.name} is in the pool`,
      async () => {
        const status = await this.statusNow()
        return status?.state === 'joined' && status
      },
      PATIENCE_MS,
    )
  }

  async run(program: string, ...args: string[]): Promise<string> {
    return await this.host.machine.run(program, ...args)
  }

  async runAs(program: string, ...args: string[]): Promise<string> {
    return await this.host.machine.runAs(USER, program, ...args)
  }

  /** Names of the machines whose slots the pool shows to this host; none when its collector does not answer. */
  async machines(): Promise<string[]> {
    const shown = await this.run('timeout', '5', 'condor_status', '-af', 'Machine').catch(() => '')
    return [...new Set(shown.split('\n').filter(Boolean))].sort()
  }

  /** Submits a job as an ordinary user. */
  async submit({ script, requirements = 'true', cpus = 1 }: JobWish): Promise<Job> {
    const name = `job${++this.#jobs}`
    const folder = `/home/${USER}`
    // The files go through the folder that the lab and the machine share, so that a script needs no quoting.
    const shared = join(this.host.agent.options.state, '..', name)
    writeFileSync(`${shared}.sh`, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const lines = [`executable = ${name}.sh`, `output = ${name}.out`, `error = ${name}.err`, `log = ${name}.log`]
    lines.push('should_transfer_files = YES', `request_cpus = ${cpus}`, 'request_memory = 64M', 'request_disk = 1M')
    lines.push(`requirements = ${requirements}`, 'queue')
    writeFileSync(`${shared}.sub`, `${lines.join('\n')}\n`)
    await this.run('install', '-o', USER, '-m', '755', `${shared}.sh`, `${shared}.sub`, folder)
    const said = await this.runAs('sh', '-c', `cd ${folder} && condor_submit ${name}.sub`)
    const cluster = /submitted to cluster (\d+)/.exec(said)?.[1]
    if (cluster === undefined) throw new Error(`condor_submit said: ${said}`)
    return new Job(this, Number(cluster), `${folder}/${name}`)
  }
}

export class Job {
  readonly cluster: number
  readonly #host: PoolHost
  readonly #stem: string

  constructor(host: PoolHost, cluster: number, stem: string) {
    this.#host = host
    this.cluster = cluster
    this.#stem = stem
  }

  /** What the job printed, once it has ended. */
  async output(): Promise<string> {
    await until(
      `job ${this.cluster} of ${this.#host.name} ends`,
      async () => /^005 /m.test(await this.log()),
      PATIENCE_MS,
    )
    return await this.#host.run('cat', `${this.#stem}.out`)
  }

  async running(): Promise<void> {
    await until(
      `job ${this.cluster} of ${this.#host.name} runs`,
      async () => /^001 /m.test(await this.log()),
      PATIENCE_MS,
    )
  }

  /** The job's own log. */
  async log(): Promise<string> {
    return await this.#host.run('cat', `${this.#stem}.log`)
  }

  /** How often the job was started. */
  async starts(): Promise<number> {
    return [...(await this.log()).matchAll(/^001 /gm)].length
  }
}

/** Waits until every host follows one manager and that manager shows all their slots; returns the manager. */
export async function settled(hosts: readonly PoolHost[]): Promise<PoolHost> {
  const names = hosts.map(({ hostname }) => hostname).sort()
  return await until(
    `${hosts.length} hosts are one pool`,
    async () => {
      const all = await Promise.all(hosts.map((host) => host.statusNow()))
      const [first] = all
      const leaders = hosts.filter((_, i) => all[i]?.leading === true)
      const [leader] = leaders
      if (leader === undefined || leaders.length > 1) return undefined
      const agrees = (one?: CondorStatus) => one?.state === 'joined' && one.manager?.term === first?.manager?.term
      if (!all.every(agrees)) return undefined
      return (await leader.machines()).join() === names.join() ? leader : undefined
    },
    PATIENCE_MS,
  )
}

/** Bytes through one of the host's devices, both ways. */
export async function traffic(host: PoolHost, device: string): Promise<number> {
  const counters = ['rx_bytes', 'tx_bytes'].map((name) => `/sys/class/net/${device}/statistics/${name}`)
  const shown = await host.run('cat', ...counters)
  return shown.split('\n').reduce((sum, line) => sum + Number(line), 0)
}
