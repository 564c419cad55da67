/**
 * A whole machine in the lab: a network namespace with its own file system and host name, over a root that machines
 * share and never change.
 *
 * A power cut takes the link first, then every process at once, so no peer is told. The disk stays for the next boot.
 */

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { pidsIn } from './cleanup.ts'
import type { NamespaceChild, NetworkNamespace, Place } from './network-namespace.ts'

const execute = promisify(execFile)

/** A program that should take seconds and runs for this long hangs, ms. */
const PATIENCE_MS = 120_000
const ENVIRONMENT = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8']

/** Prints `ready` and keeps the namespaces until it is killed. What the machine writes stays in memory. */
const INIT = `
set -e
root=$1 shared=$2 scratch=$3
mount -t tmpfs none "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
cd "$scratch/root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs run
mkdir -p ".$shared" mnt/old
mount --bind "$shared" ".$shared"
pivot_root . mnt/old
cd /
umount --lazy /mnt/old
echo ready
exec sleep infinity
`
/** What systemd-tmpfiles makes at a boot. */
const BOOT = `
find /run -mindepth 1 -delete
install -d -o condor -g condor -m 0775 /run/condor
install -d -m 1777 /run/lock
install -d -o condor -g condor -m 0775 /run/lock/condor
`

export interface MachineParts {
  readonly netns: NetworkNamespace
  /** The root file system; never changed. */
  readonly root: string
  /** A folder that is at the same path inside, for sockets and state that the lab looks at. */
  readonly shared: string
  /** The machine's own folder below `shared`. */
  readonly scratch: string
}

export class LabMachine implements Place {
  readonly label: string
  readonly wow = ['/usr/bin/node', '/usr/lib/wow/wow.mjs'] as const
  readonly #netns: NetworkNamespace
  readonly #init: NamespaceChild

  static async boot({ netns, root, shared, scratch }: MachineParts): Promise<LabMachine> {
    mkdirSync(scratch, { mode: 0o755 })
    const argv = ['--mount', '--uts', '--propagation', 'private', 'sh', '-c', INIT, 'init', root, shared, scratch]
    const init = netns.spawn('unshare', argv)
    await Promise.race([
      once(init.stdout, 'data'),
      once(init, 'exit').then(() => {
        throw new Error(`the machine ${netns.label} does not boot: ${init.stderr.read()}`)
      }),
    ])
    const machine = new LabMachine(netns, init)
    await machine.run('hostname', netns.label)
    await machine.run('sh', '-c', BOOT)
    return machine
  }

  private constructor(netns: NetworkNamespace, init: NamespaceChild) {
    this.label = netns.label
    this.#netns = netns
    this.#init = init
  }

  async run(program: string, ...args: string[]): Promise<string> {
    return await this.#run(['HOME=/root'], program, ...args)
  }

  /** Runs a program as an ordinary user. */
  async runAs(user: string, program: string, ...args: string[]): Promise<string> {
    const become = ['setpriv', '--reuid', user, '--regid', user, '--init-groups']
    return await this.#run([`HOME=/home/${user}`, `USER=${user}`, ...become], program, ...args)
  }

  spawn(program: string, args: readonly string[]): NamespaceChild {
    return this.#netns.spawn('nsenter', [...this.#enter(), ...ENVIRONMENT, 'HOME=/root', program, ...args])
  }

  async ip(...args: string[]): Promise<string> {
    return await this.#netns.ip(...args)
  }

  /** Cuts the power; no peer is told. The tap goes with the agent's process. */
  async cutPower(device = 'eth0'): Promise<void> {
    await this.ip('link', 'set', device, 'down')
    for (;;) {
      const left = pidsIn(this.#netns.name).filter((pid) => pid !== this.#init.pid)
      if (left.length === 0) return
      for (const pid of left) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It has ended by itself.
        }
      }
    }
  }

  /** After `cutPower`: brings the machine back with its disk; the caller starts its programs. */
  async powerOn(device = 'eth0'): Promise<void> {
    await this.run('sh', '-c', BOOT)
    await this.ip('link', 'set', device, 'up')
  }

  #enter(): string[] {
    return ['--target', String(this.#init.pid), '--mount', '--uts', '--root', '--wdns=/']
  }

  async #run(environment: readonly string[], program: string, ...args: string[]): Promise<string> {
    const argv = ['netns', 'exec', this.#netns.name, 'nsenter', ...this.#enter(), ...ENVIRONMENT]
    const { stdout } = await execute('ip', [...argv, ...environment, program, ...args], { timeout: PATIENCE_MS })
    return stdout
  }
}
