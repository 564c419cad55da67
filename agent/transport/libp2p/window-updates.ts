/**
 * Sends Yamux window updates only once half of the window is used. The library sends one after every frame, which
 * doubles the packets on a link with a small frame now and then.
 *
 * The peer always has room for at least half a window (128 KiB), and the library still widens the window of a peer that
 * fills one within four round trips.
 */

import type { Stream } from '@libp2p/interface'

/** The members of a @chainsafe/libp2p-yamux stream that this code uses and its types keep private. */
interface YamuxStream {
  readonly recvWindow: number
  readonly recvWindowCapacity: number
  sendWindowUpdate(): void
}

/** Patches `stream`, which must be established at both ends. Leaves streams of other muxers alone. */
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
