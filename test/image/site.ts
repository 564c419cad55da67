/** Where copies of an appliance meet: a bootstrap agent and machines on one LAN behind QEMU's NAT, in a network namespace. */

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { agentBundle } from '../../scripts/appliance/paths.ts'
import { type BootOptions, Machine } from '../../scripts/lab/qemu.ts'
import { pidsIn } from '../../scripts/lab/run.ts'
import { COMMAND_MS, consoleLog, type TestAppliance } from './appliance.ts'

const BOOTSTRAP_PORT = 4001
/** How the machines see the bootstrap agent: QEMU's NAT has its host there. */
export const BOOTSTRAP = `/ip4/10.0.2.2/tcp/${BOOTSTRAP_PORT}`
const LAN_PORT = 4099

/** Why there can be no site here; false when there can. */
export const siteMissing = process.getuid?.() === 0 ? false : 'needs root for network namespaces'

export class Site {
  readonly machines: Machine[] = []
  readonly #netns = `wow-site-${process.pid}`
  readonly #bootstrap: ChildProcess

  constructor({ scratch, env }: TestAppliance) {
    execFileSync('ip', ['netns', 'add', this.#netns])
    execFileSync('ip', ['-n', this.#netns, 'link', 'set', 'lo', 'up'])
    const up = ['up', '--no-mdns', '--state', join(scratch, 'bootstrap'), '--announce', BOOTSTRAP]
    up.push('--listen', `/ip4/127.0.0.1/tcp/${BOOTSTRAP_PORT}`)
    const argv = ['netns', 'exec', this.#netns, process.execPath, agentBundle, ...up]
    this.#bootstrap = spawn('ip', argv, { env, stdio: 'ignore' })
  }

  /** The first machine brings the LAN up, so they are booted one after another. `console`: the name of its log. */
  async boot(console: string, options: Pick<BootOptions, 'image' | 'accelerator' | 'firmware' | 'memoryMiB'>) {
    const count = this.machines.length + 1
    const uplink = { kind: count === 1 ? 'lan-host' : 'lan-guest', port: LAN_PORT } as const
    const mac = `52:54:00:00:00:${count.toString(16).padStart(2, '0')}`
    const machine = Machine.boot({ ...options, netns: this.#netns, uplink, mac, log: consoleLog(console) })
    this.machines.push(machine)
    if (count === 1) await setTimeout(2_000)
    return machine
  }

  async close(): Promise<void> {
    for (const machine of this.machines) await machine.stop()
    this.#bootstrap.kill('SIGKILL')
    for (const pid of pidsIn(this.#netns)) process.kill(pid, 'SIGKILL')
    execFileSync('ip', ['netns', 'del', this.#netns])
  }
}

/** What a command that must succeed prints in the shell on a machine's console. */
export async function answers(machine: Machine, command: string): Promise<string> {
  const { output, exitCode } = await machine.run(command, COMMAND_MS)
  assert.equal(exitCode, 0, `${command}: ${output}`)
  return output
}
