/** Yggdrasil with the configuration that it generates, and one configured peering over TLS. */

import type { Peer } from '../peer.ts'

const PORT = 9_001
const DEVICE = 'ygg0'

export const yggdrasil: Peer = {
  name: 'yggdrasil',
  packages: ['yggdrasil'],
  open: async ({ hosts, left }, programs) => {
    let target = ''
    for (const host of hosts) {
      const generated = JSON.parse(await host.run([...programs('yggdrasil'), '-genconf', '-json']))
      const file = host.file(
        'yggdrasil.conf',
        JSON.stringify({
          ...generated,
          AdminListen: 'none',
          IfName: DEVICE,
          MulticastInterfaces: [],
          ...(host === left ? { Listen: [`tls://${left.ip}:${PORT}`] } : { Peers: [`tls://${left.ip}:${PORT}`] }),
        }),
      )
      target = (await host.run([...programs('yggdrasil'), '-useconffile', file, '-address'])).trim()
      host.daemon([...programs('yggdrasil'), '-useconffile', file])
    }
    return { target, device: DEVICE }
  },
}
