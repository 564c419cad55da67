/**
 * A stranger that sends what it likes over UDP as fast as it is told, in a process of its own, for `bench/flood.ts`.
 *
 *   tsx bench/lib/flooder.ts FROM TO PORT WHAT PER_SECOND SECONDS
 *
 * WHAT `right-mac`: first messages of handshakes, as anybody can make them for a shared ring; `wrong-mac`: the same with a
 * guess, as for a ring of its own; `records`: records of sessions that there are none. It prints what it sent and what it was
 * answered, as JSON.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { Counters } from '../../agent/core/counters.ts'
import { keyPairOf, SEED_BYTES } from '../../agent/core/ed25519.ts'
import { macFromBytes } from '../../agent/core/ip.ts'
import { SystemRandom } from '../../agent/core/random.ts'
import { Lanes } from '../../agent/native/lanes.ts'
import { Initiator, NodeKeys } from '../../agent/underlay/handshake.ts'
import { LaneSocket } from '../../agent/underlay/lane-socket.ts'
import { setRecordHead } from '../../agent/underlay/packets.ts'
import { udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'

const SOCKETS = 16
/** Different first messages: more than a node remembers half-open handshakes. */
const MESSAGES = 1_024
const MAC_BYTES = 16
/** IPv4 and UDP, bytes. */
const HEADERS = 28
/** So many in one go, ms apart. */
const GO_MS = 2

const [from = '', to = '', port = '', what = '', perSecond = '0', seconds = '0'] = process.argv.slice(2)
const target = udpEndpoint(to, Number(port))!
const answered = { datagrams: 0, bytes: 0 }
const random = new SystemRandom()
const lanes = new Lanes(macFromBytes(new Uint8Array(6)))
const sockets = Array.from({ length: SOCKETS }, () => new LaneSocket(lanes, from, 0, new Counters()))
for (const socket of sockets) {
  socket.onDatagram = (datagram) => {
    answered.datagrams++
    answered.bytes += datagram.length + HEADERS
  }
}
const keys = new NodeKeys(keyPairOf(random.bytes(SEED_BYTES)), undefined, random)
const messages = Array.from({ length: MESSAGES }, (_, i) => {
  const message = new Initiator(keys, i + 1).first()
  if (what === 'records') setRecordHead(message, random.below(2 ** 32), i)
  if (what === 'wrong-mac') message.set(random.bytes(MAC_BYTES), message.length - MAC_BYTES)
  return message
})

const startedAt = performance.now()
const elapsedS = () => (performance.now() - startedAt) / 1_000
let sent = 0
while (elapsedS() < Number(seconds)) {
  for (const due = elapsedS() * Number(perSecond); sent < due; sent++) {
    sockets[sent % SOCKETS]!.send(messages[sent % MESSAGES]!, target)
  }
  await sleep(GO_MS)
}
const bytes = sent * (messages[0]!.length + HEADERS)
process.stdout.write(
  `${JSON.stringify({ perSecond: sent / elapsedS(), sent: { datagrams: sent, bytes }, answered })}\n`,
)
process.exit(0)
