/** n2n with its default cipher (AES); a supernode on the right host introduces the edges, which talk directly. */

import type { Peer } from '../peer.ts'

const PORT = 7_777
const NETWORK = '10.94.0'
const DEVICE = 'n2n0'

export const n2n: Peer = {
  name: 'n2n',
  packages: ['n2n'],
  open: async ({ hosts, right }, programs) => {
    right.daemon([...programs('supernode'), '-p', String(PORT), '-f'])
    for (const [index, host] of hosts.entries()) {
      const network = ['-c', 'bench', '-k', 'encryptme', '-l', `${right.ip}:${PORT}`]
      const address = ['-d', DEVICE, '-a', `static:${NETWORK}.${index + 1}/24`]
      host.daemon([...programs('edge'), ...network, ...address, '-f'])
    }
    return { target: `${NETWORK}.2`, device: DEVICE }
  },
}
