/** tinc 1.0 in router mode with its default ciphers; the left host connects to the right one. */

import { appendFileSync, readFileSync } from 'node:fs'
import type { Peer } from '../peer.ts'

const NETWORK = '10.93.0'
const DEVICE = 'tinc0'
/** The default of `tincd -K`, bits. */
const KEY_BITS = 2_048

export const tinc: Peer = {
  name: 'tinc',
  packages: ['tinc'],
  open: async ({ hosts, left, right }, programs) => {
    for (const [index, host] of hosts.entries()) {
      const name = host.netns.label
      const lines = [`Name = ${name}`, `Interface = ${DEVICE}`, 'AddressFamily = ipv4']
      if (host === left) lines.push(`ConnectTo = ${right.netns.label}`)
      host.file('tinc.conf', `${lines.join('\n')}\n`)
      host.file(`hosts/${name}`, `Address = ${host.ip}\nSubnet = ${NETWORK}.${index + 1}/32\n`)
      await host.run([...programs('tincd'), '-c', host.folder, `-K${KEY_BITS}`])
    }
    for (const [host, other] of [hosts, hosts.toReversed()] as const) {
      const name = `hosts/${other.netns.label}`
      appendFileSync(host.file(name, ''), readFileSync(`${other.folder}/${name}`))
    }
    for (const [index, host] of hosts.entries()) {
      host.daemon([...programs('tincd'), '-D', '-c', host.folder, `--pidfile=${host.folder}/pid`])
      await host.address(DEVICE, `${NETWORK}.${index + 1}/24`)
    }
    return { target: `${NETWORK}.2`, device: DEVICE }
  },
}
