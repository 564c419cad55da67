import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SystemClock } from '../../agent/core/clock.ts'
import { Counters } from '../../agent/core/counters.ts'
import { keyPairOf } from '../../agent/core/ed25519.ts'
import { SystemRandom } from '../../agent/core/random.ts'
import { Lanes } from '../../agent/native/lanes.ts'
import { AGENT_MAC } from '../../agent/net/constants.ts'
import { Cookies } from '../../agent/underlay/cookies.ts'
import { Initiator, NodeKeys } from '../../agent/underlay/handshake.ts'
import { LaneSocket } from '../../agent/underlay/lane-socket.ts'
import { parsePacket } from '../../agent/underlay/packets.ts'
import { udpEndpoint } from '../../agent/underlay/udp-endpoint.ts'

/** More than the gate lets through at once. */
const FLOOD = 400

const random = new SystemRandom()
const ringKey = random.bytes(32)
const keysOf = (key: Uint8Array | undefined) => new NodeKeys(keyPairOf(random.bytes(32)), key, random)

for (const family of ['127.0.0.1', '::1'] as const) {
  describe(`first messages of handshakes that come to a socket at ${family}`, () => {
    let lanes: Lanes
    let socket: LaneSocket
    let peer: Socket
    let cookies: Cookies
    let arrived: Buffer[]
    let answers: Buffer[]

    beforeEach(async () => {
      lanes = new Lanes(AGENT_MAC)
      socket = new LaneSocket(lanes, family, 0, new Counters())
      arrived = []
      answers = []
      socket.onDatagram = (datagram) => arrived.push(Buffer.from(datagram))
      const { macKey } = keysOf(ringKey)
      cookies = new Cookies(new SystemClock(), random, (...cookies) => lanes.setGate({ mac: macKey, cookies }))
      peer = createSocket(family === '::1' ? 'udp6' : 'udp4').bind(0, family)
      await once(peer, 'listening')
      peer.on('message', (datagram) => answers.push(datagram))
    })
    afterEach(() => {
      socket.close()
      peer.close()
    })

    /** What became of first messages: they come here, or are counted. */
    const fates = () =>
      arrived.length + dropped('wrong-mac') + dropped('handshake-flood') + dropped('handshake-without-cookie')
    const send = async (...datagrams: Uint8Array[]) => {
      const before = fates()
      for (const [i, datagram] of datagrams.entries()) {
        peer.send(datagram, socket.port, family)
        if (i % 50 === 49) await sleep(2)
      }
      for (let tries = 0; tries < 500 && fates() - before < datagrams.length; tries++) await sleep(10)
      await sleep(50)
    }
    const flood = async (...among: Uint8Array[]) => {
      const message = new Initiator(keysOf(ringKey), 7).first()
      await send(...new Array(FLOOD).fill(message), ...among)
      return message
    }
    const dropped = (reason: string) => lanes.statistics()[`drop-${reason}`] ?? 0

    test('come to this program when they are few and have the right MAC', async () => {
      const message = new Initiator(keysOf(ringKey), 1).first()
      await send(message)
      assert.deepEqual(arrived, [Buffer.from(message)])
      assert.deepEqual(answers, [])
    })

    test('are dropped with a wrong MAC or another length, and not answered', async () => {
      const message = new Initiator(keysOf(ringKey), 1).first()
      const stranger = new Initiator(keysOf(random.bytes(32)), 1).first()
      const altered = message.map((byte, i) => (i === 100 ? byte ^ 1 : byte))
      await send(stranger, altered, message.subarray(0, -1), Uint8Array.of(...message, 0), message.subarray(0, 1))
      assert.deepEqual([arrived, answers], [[], []])
      assert.equal(dropped('wrong-mac'), 5)
    })

    test('are answered with the cookie of their endpoint when they are many', async () => {
      const message = await flood()
      assert.ok(arrived.length < FLOOD)
      assert.equal(arrived.length + answers.length + dropped('handshake-flood'), FLOOD)
      assert.equal(dropped('handshake-without-cookie'), answers.length)
      const reply = parsePacket(Uint8Array.from(answers[0]!))
      assert.ok(reply?.kind === 'cookie' && answers[0]!.length < message.length)
      assert.equal(reply.receiver, 7)
      assert.deepEqual(reply.mac, keysOf(ringKey).mac(reply.authenticated, message.subarray(-16)))
      assert.ok(cookies.isRight(udpEndpoint(family, peer.address().port)!, reply.cookie))
    })

    test('come to this program amid a flood with the right cookie, and with no other', async () => {
      const initiator = new Initiator(keysOf(ringKey), 9)
      const right = initiator.first(cookies.for(udpEndpoint(family, peer.address().port)!))
      const wrong = initiator.first(cookies.for(udpEndpoint(family, 1)!))
      await flood(...new Array(20).fill([right, wrong]).flat())
      const among = (message: Uint8Array) => arrived.filter((one) => one.equals(message)).length
      // A few get through without a cookie, whatever is in its place: more of them on a busy machine, which takes longer for all.
      assert.ok(among(right) === 20 && among(wrong) < 15, `${among(right)} and ${among(wrong)} of 20`)
    })

    test('come to this program with a right cookie no more often than the share of a network', async () => {
      await flood()
      const right = new Initiator(keysOf(ringKey), 9).first(cookies.for(udpEndpoint(family, peer.address().port)!))
      arrived = []
      await send(...new Array(FLOOD).fill(right))
      const came = arrived.filter((one) => one.equals(right)).length
      assert.ok(came > 10 && came < FLOOD / 2, `${came} came`)
      assert.ok(dropped('handshake-flood') > 0)
    })
  })
}
