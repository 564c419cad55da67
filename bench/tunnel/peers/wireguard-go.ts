/** WireGuard in user space, set up with `wg setconf`, as wg(8) and the quick start describe. */

import { generateKeyPairSync } from 'node:crypto'
import { rmSync } from 'node:fs'
import { atEnd } from '../../../lab/cleanup.ts'
import { until } from '../../../lab/until.ts'
import type { Pair } from '../pair.ts'
import type { Peer, Programs } from '../peer.ts'

const PORT = 51_820
/** Where `wg` finds the process; the hosts share the folder, so their devices have different names. */
const SOCKETS = '/var/run/wireguard'
const NETWORK = '10.90.0'

export const wireguardGo: Peer = {
  name: 'wireguard-go',
  packages: ['wireguard-go', 'wireguard-tools'],
  open: async (pair: Pair, programs: Programs) => {
    const ends = pair.hosts.map((host, index) => ({
      host,
      device: `wg${process.pid}${'ab'[index]}`,
      ip: `${NETWORK}.${index + 1}`,
      keys: keyPair(),
    }))
    for (const [index, { host, device, ip, keys }] of ends.entries()) {
      const other = ends[1 - index]!
      const socket = `${SOCKETS}/${device}.sock`
      rmSync(socket, { force: true })
      atEnd(() => rmSync(socket, { force: true }))
      host.daemon([...programs('wireguard-go'), '--foreground', device])
      await until(`${device} listens`, async () => (await host.run(['ls', SOCKETS])).includes(`${device}.sock`))
      const file = host.file(
        'wg.conf',
        `[Interface]
PrivateKey = ${keys.secret}
ListenPort = ${PORT}
[Peer]
PublicKey = ${other.keys.public}
AllowedIPs = ${other.ip}/32
Endpoint = ${other.host.ip}:${PORT}
`,
      )
      await host.run([...programs('wg'), 'setconf', device, file])
      await host.address(device, `${ip}/24`)
    }
    return { target: ends[1]!.ip, device: ends[1]!.device }
  },
}

/** In base64, as `wg genkey` and `wg pubkey` print them. */
function keyPair(): { readonly secret: string; readonly public: string } {
  const { privateKey } = generateKeyPairSync('x25519')
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' })
  const base64 = (url: string) => Buffer.from(url, 'base64url').toString('base64')
  return { secret: base64(d), public: base64(x) }
}
