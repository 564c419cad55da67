import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { JsonChild, kernelMissing, Netns } from '../net/netns.ts'

/** Puts the address of dhclient or udhcpc on the interface, and changes nothing else on the machine. */
const SCRIPT = `#!/bin/sh
case "\${reason:-$1}" in
  BOUND|RENEW|REBIND|REBOOT) ip addr replace "$new_ip_address/16" dev "$interface" ;;
  EXPIRE|FAIL|RELEASE|STOP) ip -4 addr flush dev "$interface" ;;
  PREINIT|deconfig) ip -4 addr flush dev "$interface"; ip link set "$interface" up ;;
  bound|renew) ip addr replace "$ip/$mask" dev "$interface" ;;
esac
exit 0
`

const TCP_BYTES = 5_000_000
const TCP_SERVER = `require('node:net').createServer((s) => s.end(Buffer.alloc(${TCP_BYTES}))).listen(5001, () => console.log('up'))`
const TCP_CLIENT = `let n = 0
  require('node:net').connect(5001, process.argv[1]).on('data', (d) => (n += d.length)).on('end', () => process.stdout.write(String(n)))`

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'wow-dhcp-'))
  writeFileSync(join(folder, 'script'), SCRIPT, { mode: 0o755 })
})
after(() => rmSync(folder, { recursive: true, force: true }))

/** Starts an agent with real taps in its own namespace. */
async function agent(options: { taps?: string[]; leaseMs?: number; ready?: boolean } = {}) {
  const ns = new Netns()
  const settings = JSON.stringify({ taps: ['wow0'], leaseMs: 3_600_000, ...options })
  const host = new JsonChild(ns.spawn(process.execPath, '--import', 'tsx', 'test/net/tap-host.ts', settings))
  await host.event(({ event }) => event === 'up')
  return { ns, host }
}

function dhclientArgs(name: string): string[] {
  const file = (kind: string) => join(folder, `${name}.${kind}`)
  return ['-4', '-1', '-sf', join(folder, 'script'), '-lf', file('leases'), '-pf', file('pid'), '-cf', '/dev/null']
}

function addressOf(ns: Netns, device = 'wow0'): string | undefined {
  return /inet (10\.128\.\d+\.\d+)\/16/.exec(ns.run('ip', '-4', '-o', 'addr', 'show', 'dev', device))?.[1]
}

describe('isc dhclient, unmodified,', { skip: kernelMissing('dhclient') }, () => {
  test('gets an address, and the same one when it starts again', async () => {
    const { ns, host } = await agent()
    try {
      ns.run('dhclient', ...dhclientArgs('again'), 'wow0')
      const address = addressOf(ns)
      assert.ok(address)
      ns.run('dhclient', '-x', ...dhclientArgs('again'), 'wow0')
      ns.run('ip', 'addr', 'flush', 'dev', 'wow0')
      ns.run('dhclient', ...dhclientArgs('again'), 'wow0')
      assert.equal(addressOf(ns), address)
      ns.run('dhclient', '-x', ...dhclientArgs('again'), 'wow0')
    } finally {
      await host.end()
      ns.remove()
    }
  })

  test('that starts before the ring is ready is answered the moment it is, to its first DISCOVER', async () => {
    const { ns, host } = await agent({ ready: false })
    try {
      const client = ns.spawn('dhclient', '-d', ...dhclientArgs('early'), 'wow0')
      for (let asked = 0; asked === 0; ) {
        const seen = host.events.length
        host.say('counters wow0')
        const { counters } = await host.event(({ event }) => event === 'counters', seen)
        asked = (counters as Record<string, number>)['dhcp-discover'] ?? 0
      }
      host.say('ready')
      await host.event(({ event }) => event === 'bound')
      host.say('counters wow0')
      const { counters } = await host.event(
        ({ event, counters: all }) => event === 'counters' && 'dhcp-ack' in (all as object),
      )
      assert.equal((counters as Record<string, number>)['dhcp-discover'], 1)
      client.kill('SIGTERM')
    } finally {
      await host.end()
      ns.remove()
    }
  })

  test('renews by unicast to the service address', async () => {
    const { ns, host } = await agent({ leaseMs: 8000 })
    try {
      const client = ns.spawn('dhclient', '-d', ...dhclientArgs('renew'), 'wow0')
      const first = await host.event(({ event }) => event === 'bound')
      const renewed = await host.event(({ event, renewal }) => event === 'bound' && renewal === true)
      assert.equal(renewed.ip, first.ip)
      client.kill('SIGTERM')
    } finally {
      await host.end()
      ns.remove()
    }
  })

  test('that lost its lease is refused at its next renewal and gets another address', async () => {
    const { ns, host } = await agent({ leaseMs: 8000 })
    try {
      const client = ns.spawn('dhclient', '-d', ...dhclientArgs('lost'), 'wow0')
      const first = await host.event(({ event }) => event === 'bound')
      host.say('lose wow0')
      const second = await host.event(({ event, ip }) => event === 'bound' && ip !== first.ip)
      assert.notEqual(second.ip, first.ip)
      client.kill('SIGTERM')
    } finally {
      await host.end()
      ns.remove()
    }
  })
})

test('udhcpc, unmodified, gets an address', { skip: kernelMissing('udhcpc') }, async () => {
  const { ns, host } = await agent()
  try {
    ns.run('udhcpc', '-i', 'wow0', '-f', '-n', '-q', '-s', join(folder, 'script'))
    const bound = await host.event(({ event }) => event === 'bound')
    assert.equal(addressOf(ns), bound.ip)
  } finally {
    await host.end()
    ns.remove()
  }
})

test('dhcpcd, unmodified, gets an address past its own duplicate detection', {
  skip: kernelMissing('dhcpcd'),
}, async () => {
  const { ns, host } = await agent()
  try {
    // dhcpcd's files go to folders of this run only, because `ip netns exec` has its own mounts.
    const client = ns.spawn(
      'sh',
      '-c',
      'for d in /run/dhcpcd /var/lib/dhcpcd; do mkdir -p $d && mount -t tmpfs none $d; done; exec dhcpcd -B -4 -f /dev/null -c /bin/true wow0',
    )
    const bound = await host.event(({ event }) => event === 'bound')
    while (addressOf(ns) === undefined) await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(addressOf(ns), bound.ip)
    client.kill('SIGTERM')
  } finally {
    await host.end()
    ns.remove()
  }
})

describe('two hosts with dhclient on taps of two nodes', { skip: kernelMissing('dhclient', 'ping') }, () => {
  test('get different addresses and reach each other through the tunnel: ping, packets of full size, fragments, TCP', async () => {
    const { ns, host } = await agent({ taps: ['wowa', 'wowb'] })
    const other = new Netns()
    try {
      ns.run('ip', 'link', 'set', 'wowb', 'netns', other.name)
      ns.run('dhclient', ...dhclientArgs('a'), 'wowa')
      other.run('dhclient', ...dhclientArgs('b'), 'wowb')
      const a = addressOf(ns, 'wowa')
      const b = addressOf(other, 'wowb')
      assert.ok(a !== undefined && b !== undefined && a !== b)
      assert.ok(ns.succeeds('ping', '-c', '3', '-i', '0.2', '-W', '2', b))
      assert.ok(other.succeeds('ping', '-c', '3', '-i', '0.2', '-W', '2', '-s', '1372', '-M', 'do', a))
      assert.ok(other.succeeds('ping', '-c', '2', '-i', '0.2', '-W', '2', '-s', '20000', a))
      const server = other.spawn(process.execPath, '-e', TCP_SERVER)
      await new Promise((resolve) => server.stdout.once('data', resolve))
      assert.equal(ns.run(process.execPath, '-e', TCP_CLIENT, b), `${TCP_BYTES}`)
      server.kill()
      ns.run('dhclient', '-x', ...dhclientArgs('a'), 'wowa')
      other.run('dhclient', '-x', ...dhclientArgs('b'), 'wowb')
    } finally {
      await host.end()
      other.remove()
      ns.remove()
    }
  })
})

test('no namespace of a test is left over', { skip: kernelMissing() }, () => {
  assert.doesNotMatch(execFileSync('ip', ['netns', 'list']).toString(), new RegExp(`wowb-${process.pid}-`))
})
