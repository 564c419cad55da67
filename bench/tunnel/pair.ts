/**
 * Two hosts and the line between them, for one tunnel at a time. Nothing of it is left after `close`, nor after an
 * interrupt.
 */

import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ownFolder } from '../../lab/cleanup.ts'
import { veth } from '../../lab/internet.ts'
import { type NamespaceChild, NetworkNamespace } from '../../lab/network-namespace.ts'
import { until } from '../../lab/until.ts'
import { inRoot } from '../../scripts/lib/paths.ts'
import type { Conditions } from './conditions.ts'

/** The underlay; RFC 5737. */
const NETWORK = '198.51.100'
const UPLINK = 'eth0'
/** Of all TCP here, inside and outside the tunnels: Linux's default, whatever this machine has set. */
export const CONGESTION_CONTROL = 'cubic'
/** Lines of a program's output that are kept to explain its end. */
const LINES = 10
/** A tunnel that carries nothing after this time is broken, ms. */
const PATIENCE_MS = 60_000

interface Daemon {
  readonly child: NamespaceChild
  readonly name: string
  readonly lastLines: string[]
}

export class TunnelHost {
  readonly netns: NetworkNamespace
  /** Its address on the line. */
  readonly ip: string
  /** For its files; no other host's. */
  readonly folder: string
  readonly #daemons: Daemon[] = []

  constructor(netns: NetworkNamespace, ip: string, folder: string) {
    this.netns = netns
    this.ip = ip
    this.folder = folder
    mkdirSync(folder)
  }

  /** The processes that make the tunnel here. */
  readonly pids: number[] = []

  /** Starts a program of the tunnel, which runs until the pair is closed. */
  daemon(argv: readonly string[]): void {
    this.pids.push(this.#spawn(argv))
  }

  /** Starts a program that only measures. */
  tool(argv: readonly string[]): void {
    this.#spawn(argv)
  }

  async run(argv: readonly string[]): Promise<string> {
    return await this.netns.run(argv[0]!, ...argv.slice(1))
  }

  /** Writes a file that only root may read, and returns its path. */
  file(name: string, text: string): string {
    const path = join(this.folder, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }

  /** Waits for a device of a program, gives it an address with prefix length, and takes it up. */
  async address(device: string, address: string): Promise<void> {
    await until(`${device} is there`, () => this.#watching(() => this.netns.succeeds('ip', 'link', 'show', device)))
    await this.netns.ip('address', 'add', address, 'dev', device)
    await this.netns.ip('link', 'set', device, 'up')
  }

  /** Waits until `address` answers a ping. @throws with the last words of a program that ended */
  async reaches(address: string): Promise<void> {
    const ping = () => this.netns.succeeds('ping', '-n', '-c', '1', '-W', '1', address)
    await until(`${address} answers`, () => this.#watching(ping), PATIENCE_MS)
  }

  /** Bytes that a device received. */
  async received(device: string): Promise<number> {
    const [link] = JSON.parse(await this.netns.ip('-json', '-stats', 'link', 'show', 'dev', device))
    return link.stats64.rx.bytes
  }

  #spawn(argv: readonly string[]): number {
    const child = this.netns.spawn(argv[0]!, argv.slice(1))
    const daemon: Daemon = { child, name: argv.join(' '), lastLines: [] }
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        daemon.lastLines.push(line)
        if (daemon.lastLines.length > LINES) daemon.lastLines.shift()
      })
    }
    this.#daemons.push(daemon)
    return child.pid ?? 0
  }

  async #watching(look: () => Promise<boolean>): Promise<boolean> {
    const ended = this.#daemons.find(({ child }) => child.exitCode !== null || child.signalCode !== null)
    if (ended !== undefined) throw new Error(`${ended.name} ended:\n${ended.lastLines.join('\n')}`)
    return await look()
  }
}

export class Pair {
  readonly left: TunnelHost
  readonly right: TunnelHost
  readonly #folder: string
  readonly #namespaces: readonly NetworkNamespace[]

  static async open(conditions: Conditions): Promise<Pair> {
    const namespaces = await Promise.all(['left', 'right', 'line'].map((name) => NetworkNamespace.create(name)))
    try {
      const [left, right, line] = namespaces as [NetworkNamespace, NetworkNamespace, NetworkNamespace]
      if (conditions.roundTripMs > 0) await longLine(line, [left, right], conditions.roundTripMs / 2)
      else await veth(left, UPLINK, { netns: right.name, device: UPLINK })
      for (const [index, netns] of [left, right].entries()) await uplink(netns, addressOf(index), conditions)
      return new Pair(namespaces)
    } catch (error) {
      for (const netns of namespaces) netns.remove()
      throw error
    }
  }

  private constructor(namespaces: readonly NetworkNamespace[]) {
    this.#namespaces = namespaces
    this.#folder = mkdtempSync(join(runFolder(), 'pair-'))
    const [left, right] = namespaces
      .slice(0, 2)
      .map((netns, index) => new TunnelHost(netns, addressOf(index), join(this.#folder, netns.label)))
    this.left = left!
    this.right = right!
  }

  get hosts(): readonly [TunnelHost, TunnelHost] {
    return [this.left, this.right]
  }

  close(): void {
    for (const netns of this.#namespaces) netns.remove()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The device of the underlay on each host. */
export const uplinkDevice = UPLINK

let folder: string | undefined

function runFolder(): string {
  folder ??= ownFolder('tunnel')
  return folder
}

function addressOf(index: number): string {
  return `${NETWORK}.${index + 1}`
}

async function uplink(netns: NetworkNamespace, ip: string, { segmented, lossPercent }: Conditions): Promise<void> {
  await netns.ip('address', 'add', `${ip}/24`, 'dev', UPLINK)
  if (segmented) await netns.ip('link', 'set', UPLINK, 'gso_max_segs', '1')
  await netns.ip('link', 'set', UPLINK, 'up')
  // Tunnels over TCP take what the route says; those who measure ask for it (measure.ts).
  await netns.ip('route', 'replace', `${NETWORK}.0/24`, 'dev', UPLINK, 'src', ip, 'congctl', CONGESTION_CONTROL)
  if (lossPercent > 0) await loseOf(netns, lossPercent)
}

/** Drops incoming packets at random; the kernel has no netem everywhere, but nftables. */
async function loseOf(netns: NetworkNamespace, percent: number): Promise<void> {
  const rule = `iifname ${UPLINK} numgen random mod 100000 < ${Math.round(percent * 1_000)} drop`
  await netns.run('nft', 'add table inet line')
  await netns.run('nft', 'add chain inet line incoming { type filter hook prerouting priority -400; }')
  await netns.run('nft', `add rule inet line incoming ${rule}`)
}

async function longLine(line: NetworkNamespace, ends: readonly NetworkNamespace[], delayMs: number): Promise<void> {
  const program = inRoot('bench', 'tunnel', 'line.ts')
  const child = line.spawn(process.execPath, ['--import', 'tsx', program, String(delayMs)])
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error(`the line ended: ${child.stderr.read()}`)
    }),
  ])
  child.stderr.resume()
  for (const [index, { name }] of ends.entries()) {
    await line.ip('link', 'set', `line${index}`, 'netns', name, 'name', UPLINK)
  }
}
