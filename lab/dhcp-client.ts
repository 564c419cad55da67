/**
 * Real DHCP clients, as Debian ships them, with their own scripts.
 *
 * Each runs in its own mount namespace, in which `/etc` is a scratch layer over the machine's: the machine never sees
 * what a client writes into `resolv.conf`. dhclient's lease and pid files are in the lab's folder.
 */

import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { NamespaceChild, Place } from './network-namespace.ts'

export type ClientKind = 'dhclient' | 'udhcpc' | 'dhcpcd'

/** How often a client that logs nothing is checked for its address, ms. */
const LOOK_MS = 100
/** After this long something hangs, ms. */
const PATIENCE_MS = 120_000

export interface Bound {
  readonly ip: string
  /** From just before the client was started until the address was on the interface, ms. */
  readonly ms: number
}

/** All that a client writes outside its lease and pid files goes to a file system that ends with it. */
const PRIVATE_MOUNTS = `
set -e
scratch=$1; shift
mount -t tmpfs none "$scratch"
mkdir "$scratch/upper" "$scratch/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$scratch/upper,workdir=$scratch/work" /etc
for folder in /run/dhcpcd /var/lib/dhcpcd; do mkdir -p "$folder" && mount -t tmpfs none "$folder"; done
exec "$@"
`

export class DhcpClient {
  readonly #netns: Place
  readonly #device: string
  readonly #folder: string
  readonly #kind: ClientKind
  readonly #log: string[] = []
  #child: NamespaceChild | undefined

  /** `folder`: for its lease file, kept over restarts of the client. */
  constructor(netns: Place, folder: string, { device = 'wow0', kind = 'dhclient' as ClientKind } = {}) {
    this.#netns = netns
    this.#device = device
    this.#folder = folder
    this.#kind = kind
  }

  /** The client's own log. */
  get log(): readonly string[] {
    return this.#log
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** dhclient only: the file in which it remembers its leases. */
  get leaseFile(): string {
    return join(this.#folder, 'dhclient.leases')
  }

  /** Starts the client and waits for its address. @throws when it ends without one, or after two minutes. */
  async start(): Promise<Bound> {
    const startedAt = performance.now()
    this.launch()
    const ip = await this.bound()
    return { ip, ms: Math.round(performance.now() - startedAt) }
  }

  /** Starts the client, which may have to wait for its server. */
  launch(): void {
    mkdirSync(join(this.#folder, 'scratch'), { recursive: true })
    const argv = ['-c', PRIVATE_MOUNTS, 'sh', join(this.#folder, 'scratch'), ...this.#command()]
    // It needs its own host name, which a client's script may set, and its own mounts, which we set.
    const child = this.#netns.spawn('unshare', ['--mount', '--uts', 'sh', ...argv])
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#log.push(line)
      })
    }
  }

  /** Waits until the interface has an address, and returns it. */
  async bound(): Promise<string> {
    const child = this.#child
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const ip = await this.address()
      if (ip !== undefined) return ip
      const why = child?.exitCode !== null ? 'ended' : Date.now() > deadline ? 'got no address in time' : undefined
      if (why !== undefined) throw new Error(`${this.#kind} of ${this.#netns.label} ${why}:\n${this.#log.join('\n')}`)
      await this.#news()
    }
  }

  /** The address on the interface now. */
  async address(): Promise<string | undefined> {
    const shown = await this.#netns.ip('-4', '-o', 'address', 'show', 'dev', this.#device).catch(() => '')
    return /inet ([\d.]+)\//.exec(shown)?.[1]
  }

  /** Resolves when the client's log has a line that contains `text`, from the `after`-th line on. */
  async logged(text: string, after = 0): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    while (!this.#log.slice(after).some((line) => line.includes(text))) {
      if (Date.now() > deadline) throw new Error(`${this.#kind} never said ${text}:\n${this.#log.join('\n')}`)
      await this.#news()
    }
  }

  /** Ends the client. dhclient leaves its address on the interface and keeps its lease; udhcpc releases it (`-R`). */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(this.#kind === 'dhclient' ? 'SIGKILL' : 'SIGTERM')
    await once(child, 'close')
  }

  /** dhclient only: releases the lease (`dhclient -r`) and ends the client. */
  async release(): Promise<void> {
    const [program, ...args] = this.#command()
    const argv = ['-c', PRIVATE_MOUNTS, 'sh', join(this.#folder, 'scratch'), program ?? '', '-r', ...args]
    await this.#netns.run('unshare', '--mount', '--uts', 'sh', ...argv)
    await this.stop()
  }

  #command(): string[] {
    switch (this.#kind) {
      case 'dhclient': {
        const pidFile = join(this.#folder, 'dhclient.pid')
        return ['dhclient', '-4', '-d', '-lf', this.leaseFile, '-pf', pidFile, this.#device]
      }
      case 'udhcpc':
        return ['udhcpc', '-f', '-R', '-i', this.#device]
      case 'dhcpcd':
        return ['dhcpcd', '-4', '-B', this.#device]
    }
  }

  /** Resolves at the client's next output, or after `LOOK_MS`. */
  async #news(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, LOOK_MS)
      const streams = [this.#child?.stdout, this.#child?.stderr]
      function done(): void {
        clearTimeout(timer)
        for (const stream of streams) stream?.off('data', done)
        resolve()
      }
      for (const stream of streams) stream?.once('data', done)
    })
  }
}
