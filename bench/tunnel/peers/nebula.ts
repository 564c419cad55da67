/** Nebula with the values of its example configuration; the left host is the lighthouse. */

import type { Peer } from '../peer.ts'

const PORT = 4_242
const NETWORK = '10.91.0'
const DEVICE = 'nebula1'

export const nebula: Peer = {
  name: 'nebula',
  packages: ['nebula'],
  open: async ({ hosts, left }, programs) => {
    const cert = [...programs('nebula-cert')]
    const ca = [`${left.folder}/ca.crt`, `${left.folder}/ca.key`] as const
    await left.run([...cert, 'ca', '-name', 'bench', '-out-crt', ca[0], '-out-key', ca[1]])
    const lighthouse = `${NETWORK}.1`
    for (const [index, host] of hosts.entries()) {
      const [crt, key] = [`${host.folder}/host.crt`, `${host.folder}/host.key`]
      const signed = ['-ca-crt', ca[0], '-ca-key', ca[1], '-out-crt', crt, '-out-key', key]
      await host.run([
        ...[...cert, 'sign', '-name', host.netns.label, '-networks', `${NETWORK}.${index + 1}/24`],
        ...signed,
      ])
      const isLighthouse = host === left
      const config = {
        pki: { ca: ca[0], cert: crt, key },
        static_host_map: isLighthouse ? {} : { [lighthouse]: [`${left.ip}:${PORT}`] },
        lighthouse: { am_lighthouse: isLighthouse, interval: 60, hosts: isLighthouse ? [] : [lighthouse] },
        listen: { host: '0.0.0.0', port: PORT },
        punchy: { punch: true },
        relay: { am_relay: false, use_relays: true },
        tun: { dev: DEVICE, drop_local_broadcast: false, drop_multicast: false, tx_queue: 500, mtu: 1300 },
        logging: { level: 'error', format: 'text' },
        firewall: {
          outbound: [{ port: 'any', proto: 'any', host: 'any' }],
          inbound: [{ port: 'any', proto: 'any', host: 'any' }],
        },
      }
      // JSON is YAML.
      host.daemon([...programs('nebula'), '-config', host.file('config.yml', JSON.stringify(config))])
    }
    return { target: `${NETWORK}.2`, device: DEVICE }
  },
}
