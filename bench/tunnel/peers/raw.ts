/** No tunnel: what the line itself carries. */

import { uplinkDevice } from '../pair.ts'
import type { Peer } from '../peer.ts'

export const raw: Peer = {
  name: 'raw',
  packages: [],
  open: async ({ right }) => ({ target: right.ip, device: uplinkDevice }),
}
