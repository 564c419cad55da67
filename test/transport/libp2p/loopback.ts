/** Real libp2p nodes on the loopback, for tests. */

import { SILENT } from '../../../agent/core/log.ts'
import { createIdentity } from '../../../agent/transport/identity.ts'
import { createLibp2pLinks, type Libp2pLinks, type Libp2pLinksOptions } from '../../../agent/transport/libp2p/links.ts'
import { RealWorld } from '../real-world.ts'

export class Loopback extends RealWorld<Libp2pLinksOptions, Libp2pLinks> {
  /** @param load see `createLibp2pLinks` */
  constructor(load?: Parameters<typeof createLibp2pLinks>[1]) {
    super(async (options) =>
      createLibp2pLinks(
        {
          identity: await createIdentity(),
          listen: ['/ip4/127.0.0.1/tcp/0'],
          announce: [],
          mdns: false,
          log: SILENT,
          ...options,
        },
        load,
      ),
    )
  }
}
