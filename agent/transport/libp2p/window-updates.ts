/**
 * Yamux may tell a peer how much it took once half of the window is used; the library tells it after every frame, which
 * doubles the packets of a link that is used for a small frame now and then.
 *
 * The peer always has room for at least half a window (128 KiB), and the library still widens the window of a peer that
 * fills one within four round trips.
 */

import type { Stream } from '@libp2p/interface'

/** What this code uses of a stream of @chainsafe/libp2p-yamux, which its types keep private. */
interface YamuxStream {
  readonly recvWindow: number
  readonly recvWindowCapacity: number
  sendWindowUpdate(): void
}

/** The stream must be established at both ends. Streams of other muxers are left alone. */
export function updateWindowSeldom(stream: Stream): void {
  if (!isYamux(stream)) return
  const update = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    if (stream.recvWindowCapacity <= stream.recvWindow / 2) update()
  }
}

function isYamux(stream: object): stream is YamuxStream {
  if (!('recvWindow' in stream && 'recvWindowCapacity' in stream && 'sendWindowUpdate' in stream)) return false
  return typeof stream.recvWindow === 'number' && typeof stream.sendWindowUpdate === 'function'
}
