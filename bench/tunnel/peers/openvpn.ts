/** OpenVPN as its manual's "small setup with peer-fingerprint"; the right host is the server. */

import type { TunnelHost } from '../pair.ts'
import type { Peer } from '../peer.ts'

const PORT = 1_194
const NETWORK = '10.92.0'
const DEVICE = 'tun0'

export const openvpn: Peer = {
  name: 'openvpn',
  packages: ['openvpn'],
  open: async ({ left, right }, programs) => {
    const [client, server] = [await certificate(left), await certificate(right)]
    const common = (own: string) => [`dev ${DEVICE}`, `cert ${own}.crt`, `key ${own}.key`, 'tun-mtu 1400']
    const serverLines = [
      ...common(server.path),
      'dh none',
      'proto udp',
      `port ${PORT}`,
      `server ${NETWORK}.0 255.255.255.0`,
      `peer-fingerprint ${client.fingerprint}`,
      'explicit-exit-notify 1',
      'keepalive 60 300',
    ]
    const clientLines = [
      'client',
      ...common(client.path),
      `remote ${right.ip} ${PORT} udp`,
      'nobind',
      `peer-fingerprint ${server.fingerprint}`,
    ]
    const start = (host: TunnelHost, lines: readonly string[]) =>
      host.daemon([...programs('openvpn'), '--config', host.file('openvpn.conf', `${lines.join('\n')}\n`)])
    start(right, serverLines)
    start(left, clientLines)
    return { target: `${NETWORK}.1`, device: DEVICE }
  },
}

/** Makes a self-signed one; `path` has no ending. */
async function certificate(host: TunnelHost): Promise<{ readonly path: string; readonly fingerprint: string }> {
  const path = `${host.folder}/openvpn`
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1', '-keyout', `${path}.key`, '-nodes']
  const subject = ['-subj', `/CN=${host.netns.label}`, '-days', '2', '-sha256', '-out', `${path}.crt`]
  await host.run(['openssl', 'req', '-x509', ...key, ...subject])
  const shown = await host.run(['openssl', 'x509', '-fingerprint', '-sha256', '-noout', '-in', `${path}.crt`])
  return { path, fingerprint: shown.trim().split('=')[1] ?? '' }
}
