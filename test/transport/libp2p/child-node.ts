/**
 * A node in its own process, for tests that kill it or put it into a network namespace.
 *
 * The first argument is a JSON object (see `Settings`). The node prints one JSON line per event: `{"endpoints":[…]}` at
 * the start and when they change, `{"link":{…}}` for every link. It echoes every frame, and dials each endpoint list
 * that it reads on a line of stdin.
 */

import { createInterface } from 'node:readline'
import { SILENT } from '../../../agent/core/log.ts'
import type { Link } from '../../../agent/overlay/link.ts'
import { addressOfPeer, parseEndpoint } from '../../../agent/transport/endpoints.ts'
import { createIdentity } from '../../../agent/transport/identity.ts'
import { createLibp2pLinks } from '../../../agent/transport/libp2p/links.ts'

export interface Settings {
  readonly listen: string[]
  readonly announce?: string[]
  readonly bootstrap?: string[]
  readonly mdns?: boolean
  /** Start, stop and exit. */
  readonly stopAtOnce?: boolean
}

export interface ChildEvent {
  readonly endpoints?: string[]
  readonly link?: {
    readonly peer: string
    readonly outgoing: boolean
    readonly relayed: boolean
    readonly remote: string
  }
  readonly echoed?: number
  readonly closed?: string
  readonly failed?: string
  readonly discovered?: string
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
const say = (event: ChildEvent) => process.stdout.write(`${JSON.stringify(event)}\n`)

const links = await createLibp2pLinks({
  identity: await createIdentity(),
  listen: settings.listen,
  announce: settings.announce ?? [],
  mdns: settings.mdns ?? false,
  log: SILENT,
})

function take(link: Link): void {
  const { peer, outgoing, relayed, remote } = link
  say({ link: { peer: peer.toString(16), outgoing, relayed, remote } })
  link.onFrame = (frame) => {
    if (outgoing) say({ echoed: frame.length })
    else link.send(frame)
  }
  link.onClose = () => say({ closed: peer.toString(16) })
  if (outgoing) link.send(new Uint8Array(100_000))
}

async function dial(endpoints: readonly string[]): Promise<void> {
  const peer = parseEndpoint(endpoints[0] ?? '').peer
  const address = peer === undefined ? undefined : addressOfPeer(peer)
  try {
    take(
      address === undefined ? await links.dialEndpoint(endpoints[0] ?? '') : await links.dial({ address, endpoints }),
    )
  } catch (error) {
    say({ failed: String(error) })
  }
}

let known = ''
function sayEndpoints(): void {
  const endpoints = links.endpoints()
  if (endpoints.join() === known) return
  known = endpoints.join()
  say({ endpoints })
}

links.onLink = take
links.onDiscovered = (endpoint) => say({ discovered: endpoint })
sayEndpoints()
if (settings.stopAtOnce) {
  await links.stop()
} else {
  setInterval(sayEndpoints, 50)
  for (const endpoint of settings.bootstrap ?? []) void dial([endpoint])
  createInterface({ input: process.stdin }).on('line', (line) => void dial(JSON.parse(line) as string[]))
}
