/** What a real, unmodified client does when the agent learns that another node owns the client's address. */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { JsonChild, kernelMissing, Netns } from '../net/netns.ts'

const DHCLIENT_SCRIPT = `#!/bin/sh
case "$reason" in
  BOUND|RENEW|REBIND|REBOOT) ip address replace "$new_ip_address/16" dev "$interface" ;;
  EXPIRE|FAIL|RELEASE|STOP|PREINIT) ip -4 address flush dev "$interface" ;;
esac
exit 0
`
const UDHCPC_SCRIPT = `#!/bin/sh
case "$1" in
  bound|renew) ip address replace "$ip/$mask" dev "$interface" ;;
  deconfig) ip -4 address flush dev "$interface" ;;
esac
exit 0
`
/** An unrelated link of the machine that goes up and down all the time. */
const RESTLESS_LINK = `
ip link add restless0 type veth peer name restless1 && ip link set restless0 up
while sleep 0.03; do ip link set restless1 up; sleep 0.03; ip link set restless1 down; done
`
const NETWORKD = '/lib/systemd/systemd-networkd'
const NETWORK_UNIT = `[Match]
Name=wow0
[Network]
DHCP=ipv4
LinkLocalAddressing=no
[DHCPv4]
ClientIdentifier=mac
`
/** Gives networkd files for this run only; a read-only /sys tells it that there is no udev to wait for. */
const NETWORKD_ROOM = `
for folder in /run/systemd /etc/systemd/network; do mkdir -p "$folder"; mount -t tmpfs none "$folder"; done
mount -o bind,ro,remount /sys || mount -t sysfs -o ro sysfs /sys
mkdir -p /run/systemd/netif; chown -R systemd-network: /run/systemd/netif
cp "$1" /etc/systemd/network/wow.network
exec ${NETWORKD}
`
/** Does the same for dhcpcd. */
const DHCPCD_ROOM = `
for folder in /run/dhcpcd /var/lib/dhcpcd; do mkdir -p "$folder"; mount -t tmpfs none "$folder"; done
exec dhcpcd -B -4 -f /dev/null -c /bin/true wow0
`

describe('a client whose address went to another node', { skip: kernelMissing('dhclient', 'udhcpc', 'dhcpcd') }, () => {
  let folder: string
  const file = (name: string) => join(folder, name)
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'wow-lost-'))
    writeFileSync(file('dhclient-script'), DHCLIENT_SCRIPT, { mode: 0o755 })
    writeFileSync(file('udhcpc-script'), UDHCPC_SCRIPT, { mode: 0o755 })
    writeFileSync(file('wow.network'), NETWORK_UNIT, { mode: 0o644 })
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  function dhclient(name: string): string[] {
    const files = ['-sf', file('dhclient-script'), '-lf', file(`${name}.leases`), '-pf', file(`${name}.pid`)]
    return ['dhclient', '-4', '-1', ...files, '-cf', '/dev/null', 'wow0']
  }

  /** Starts an agent and a client that gets an address; then the address is lost. */
  async function lose(client: readonly string[], onLost?: string, beside: (machine: Netns) => void = () => {}) {
    const ns = new Netns()
    beside(ns)
    const settings = JSON.stringify({ taps: ['wow0'], leaseMs: 3_600_000, onLost })
    const agent = new JsonChild(ns.spawn(process.execPath, '--import', 'tsx', 'test/net/tap-host.ts', settings))
    const onTap = () =>
      /inet (10\.128\.\d+\.\d+)\/16/.exec(ns.run('ip', '-4', '-o', 'address', 'show', 'dev', 'wow0'))?.[1]
    const end = async () => {
      await agent.end()
      ns.remove()
    }
    try {
      await agent.event(({ event }) => event === 'up')
      ns.spawn(client[0] ?? '', ...client.slice(1))
      const { ip } = await agent.event(({ event }) => event === 'bound')
      while (onTap() !== ip) await setTimeout(50)
      agent.say('lose wow0')
      await agent.event(({ event }) => event === 'lost')
      return { agent, ip, onTap, end }
    } catch (error) {
      await end()
      throw error
    }
  }

  /** The client gets another address, and only its own agent tells it to. */
  async function getsAnother(client: readonly string[], onLost?: string): Promise<void> {
    const { agent, ip, onTap, end } = await lose(client, onLost)
    try {
      const bound = await agent.event((event) => event.event === 'bound' && event.ip !== ip)
      while (onTap() !== bound.ip) await setTimeout(50)
    } finally {
      await end()
    }
  }

  test('has it no more on its tap, whatever client it is', async () => {
    const { onTap, end } = await lose(dhclient('told-nothing'))
    try {
      assert.equal(onTap(), undefined)
    } finally {
      await end()
    }
  })

  test('its carrier is seen to go and to come back, also where other links change all the time', async () => {
    let seen = ''
    const { end } = await lose(dhclient('carrier'), undefined, (machine) => {
      machine.spawn('sh', '-c', RESTLESS_LINK)
      machine.spawn('ip', 'monitor', 'link').stdout.on('data', (chunk: Buffer) => {
        seen += chunk.toString()
      })
    })
    try {
      // The last change is reported within a second.
      await setTimeout(1_200)
      assert.match(seen, /wow0: .*NO-CARRIER[\s\S]*wow0: .*LOWER_UP/)
    } finally {
      await end()
    }
  })

  test('gets another: dhcpcd, which watches the carrier', async () => {
    await getsAnother(['sh', '-c', DHCPCD_ROOM])
  })

  test('gets another: systemd-networkd, which watches the carrier', {
    skip: existsSync(NETWORKD) ? false : 'needs systemd-networkd',
  }, async () => {
    await getsAnother(['sh', '-c', NETWORKD_ROOM, 'sh', file('wow.network')])
  })

  test('gets another: isc dhclient, when the command on a loss starts it again', async () => {
    const argv = dhclient('again')
    await getsAnother(argv, argv.join(' '))
  })

  test('gets another: udhcpc, when the command on a loss lets it release and begin again', async () => {
    const pid = file('udhcpc.pid')
    const argv = ['udhcpc', '-f', '-i', 'wow0', '-s', file('udhcpc-script'), '-p', pid]
    await getsAnother(argv, `kill -USR2 $(cat ${pid}); kill -USR1 $(cat ${pid})`)
  })
})
