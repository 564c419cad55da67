/**
 * A program for tests: virtual networks on real taps, with everything behind the overlay in this process's memory.
 *
 *   node --import tsx test/net/tap-host.ts '{"taps":["wow0"],"leaseMs":60000}'
 *
 * Prints one JSON object per line; takes `ready`, `lose <tap>` and `counters <tap>` on stdin, and ends with it.
 */

import { createInterface } from 'node:readline'
import { SystemClock } from '../../agent/core/clock.ts'
import { formatIp4, type Ip4 } from '../../agent/core/ip.ts'
import { SILENT } from '../../agent/core/log.ts'
import { SystemRandom } from '../../agent/core/random.ts'
import { wakeClient } from '../../agent/host/wake-client.ts'
import { deriveKeys } from '../../agent/namespace/keys.ts'
import { VirtualNetwork } from '../../agent/net/network.ts'
import { KernelTap } from '../../agent/net/tap/kernel-tap.ts'
import { MemoryDht, MemoryLeases, MemoryWorld } from './doubles.ts'
import { POOL } from './lab.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as {
  taps: string[]
  leaseMs: number
  ready?: boolean
  onLost?: string
}

function tell(event: string, fields: Record<string, unknown> = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)
}

const clock = new SystemClock()
const random = new SystemRandom()
const world = new MemoryWorld(clock)
const dht = new MemoryDht(clock)
const taken = new Map<Ip4, string>()
const keys = deriveKeys('taphost', new Uint8Array(32).fill(9))

const nodes = options.taps.map((name, index) => {
  const tap = KernelTap.open({ name })
  const overlay = world.node(BigInt(index + 1) * 77n)
  const self = overlay.self
  const leases = new MemoryLeases({ dht, self, keys, clock, random, pool: POOL, taken, leaseMs: options.leaseMs })
  const network = new VirtualNetwork({
    tap,
    overlay,
    dht,
    leases,
    pool: POOL,
    keys,
    clock,
    random,
    leaseMs: options.leaseMs,
    domain: 'lab.wow',
  })
  network.onBound = ({ lease, renewal }) => tell('bound', { tap: name, ip: formatIp4(lease.ip), renewal })
  network.onLost = (lease) => {
    tell('lost', { tap: name, ip: formatIp4(lease.ip) })
    if (options.onLost !== undefined) wakeClient(options.onLost, { tap: name, lease, log: SILENT })
  }
  tap.onGone = (code) => tell('gone', { tap: name, code })
  network.start()
  if (options.ready !== false) network.setReady()
  return { name, tap, leases, network }
})
tell('up', { macs: nodes.map(({ tap }) => tap.mac) })

const commands = createInterface({ input: process.stdin })
commands.on('line', (line) => {
  const [command, name] = line.split(' ')
  const node = nodes.find((each) => each.name === name)
  if (command === 'ready') for (const each of nodes) each.network.setReady()
  if (command === 'counters') tell('counters', { counters: node?.network.counters() })
  if (command === 'lose') for (const lease of node?.leases.held() ?? []) node?.leases.lose(lease.ip)
})
commands.on('close', () => {
  for (const { tap, network } of nodes) {
    network.stop()
    tap.close()
  }
})
