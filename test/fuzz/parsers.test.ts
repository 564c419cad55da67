import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concat, equal } from '../../agent/core/bytes.ts'
import { type Codec, DecodeError, decode, encode } from '../../agent/core/codec.ts'
import { PUBLIC_KEY_BYTES } from '../../agent/core/ed25519.ts'
import { InputError } from '../../agent/core/errors.ts'
import { FrameReader, FramingError, frameBytes } from '../../agent/core/framing.ts'
import { encodeDhcp, parseDhcp } from '../../agent/dhcp/packet.ts'
import { changeAnswerCodec, dhtRequestCodec, entryCodec, getAnswerCodec, pageCodec } from '../../agent/dht/messages.ts'
import { prove } from '../../agent/dht/proof.ts'
import { openOwner } from '../../agent/lease/lease-entry.ts'
import { openRecord } from '../../agent/namespace/record.ts'
import { unsealRecord } from '../../agent/namespace/record-entry.ts'
import { formatToken, parseToken } from '../../agent/namespace/token.ts'
import { decodeMessage, tunnelMessageCodec } from '../../agent/net/tunnel/messages.ts'
import { eachPacket } from '../../agent/net/tunnel/packet-batch.ts'
import { frameCodec, ringAnswerCodec, ringRequestCodec } from '../../agent/overlay/messages.ts'
import { parseArp } from '../../agent/packet/arp.ts'
import { openIpv4 } from '../../agent/packet/ipv4.ts'
import { looksLikeDhcp, openUdp } from '../../agent/packet/udp.ts'
import { wordCodec } from '../../agent/transport/udp/words.ts'
import type { SeededRandom } from '../../sim/seeded-random.ts'
import { signed } from '../dht/samples.ts'
import { keysOf, sampleNamespace } from '../namespace/samples.ts'
import { ip } from '../net/lab.ts'
import { arpRequest, echoRequest } from '../packet/frames.ts'
import { damage, imagine } from './imagine.ts'
import { messages, randomOf } from './volume.ts'

/** Reads a made-up message; undefined when the codec rejects it. Any other error fails the test. */
function decoded<T>(codec: Codec<T>, bytes: Uint8Array): T | undefined {
  try {
    return decode(codec, bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

const CODECS: Record<string, Codec<unknown>> = {
  'frame of a link': frameCodec,
  'request of the ring': ringRequestCodec,
  'answer of the ring': ringAnswerCodec,
  'request of the DHT': dhtRequestCodec,
  'answer to a change': changeAnswerCodec,
  'answer to a get': getAnswerCodec,
  'page of a handover': pageCodec,
  'message of a tunnel': tunnelMessageCodec,
  'word of a link over UDP': wordCodec,
}

describe('a made-up message', () => {
  for (const [index, [name, codec]] of Object.entries(CODECS).entries()) {
    test(`that looks like a ${name} is read whole or refused, and written as it was read`, () => {
      const random = randomOf(index)
      let whole = 0
      for (let i = 0; i < messages(50_000); i++) {
        const bytes = damage(imagine(codec, random), random)
        const value = decoded(codec, bytes)
        if (value === undefined) continue
        whole++
        const written = encode(codec, value)
        assert.ok(equal(encode(codec, decode(codec, written)), written))
      }
      assert.ok(whole > messages(50_000) / 50, `only ${whole} were whole: the test looks at nothing`)
    })
  }

  test('is no proof of anything', () => {
    const random = randomOf(20)
    for (let i = 0; i < messages(4_000); i++) {
      const entry = decoded(entryCodec, imagine(entryCodec, random))
      if (entry !== undefined) assert.equal(prove(entry.place, entry.change), undefined)
    }
    const bytes = encode(entryCodec, {
      place: 1,
      change: signed('create', 'a'),
      ttlMs: 1_000,
      ageMs: 0,
      accepted: true,
      fresh: true,
      follows: { holder: random.bytes(PUBLIC_KEY_BYTES), serial: 1 },
    })
    for (let i = 0; i < messages(4_000); i++) {
      const entry = decoded(entryCodec, damage(bytes, random))
      if (entry !== undefined && prove(entry.place, entry.change) !== undefined) {
        assert.deepEqual(entry.change, decoded(entryCodec, bytes)?.change)
      }
    }
  })

  test('in any number of pieces is no more than frames, or the end of the link', () => {
    const random = randomOf(21)
    for (let i = 0; i < messages(30_000); i++) {
      const frames = Array.from({ length: random.below(4) }, () => random.bytes(random.below(40)))
      const stream = damage(concat(...frames.map(frameBytes)), random)
      let bytes = 0
      const reader = new FrameReader(1_000, (frame) => {
        bytes += frame.length
      })
      try {
        for (let at = 0; at < stream.length; ) {
          const next = at + 1 + random.below(30)
          reader.push(stream.subarray(at, next))
          at = next
        }
      } catch (error) {
        if (!(error instanceof FramingError)) throw error
      }
      assert.ok(bytes <= stream.length)
    }
  })
})

describe('damaged', () => {
  const namespace = sampleNamespace({}, ['/ip4/198.51.100.1/tcp/4001'])
  const keys = keysOf(namespace)
  const token = formatToken(namespace)
  const refusedBy = (read: () => unknown, kind: new (...parts: never[]) => Error): boolean => {
    try {
      read()
      return false
    } catch (error) {
      if (error instanceof kind) return true
      throw error
    }
  }

  test('records and tokens are refused in words, and no sealed value opens', () => {
    const random = randomOf(22)
    for (let i = 0; i < messages(3_000); i++) {
      const record = damage(namespace.signed.encoded, random)
      if (!refusedBy(() => openRecord(record), DecodeError)) assert.deepEqual(record, namespace.signed.encoded)
      const word = String.fromCharCode(
        ...damage(
          Uint8Array.from(token, (letter) => letter.charCodeAt(0)),
          random,
        ),
      )
      if (!refusedBy(() => parseToken(word), InputError)) assert.equal(formatToken(parseToken(word)), token)
      const sealed = random.bytes(random.below(100))
      assert.equal(unsealRecord(keys, sealed), undefined)
      assert.equal(openOwner(keys, ip('10.128.0.9'), sealed), undefined)
    }
  })

  const dhcp = encodeDhcp({
    op: 'request',
    type: 'discover',
    xid: 7,
    secs: 0,
    broadcast: true,
    ciaddr: ip('0.0.0.0'),
    yiaddr: ip('0.0.0.0'),
    siaddr: ip('0.0.0.0'),
    giaddr: ip('0.0.0.0'),
    chaddr: '02:00:00:00:00:05' as Parameters<typeof arpRequest>[0]['mac'],
    options: new Map([[61, Uint8Array.of(1, 2, 3)]]),
  })
  const arp = arpRequest({ mac: '02:00:00:00:00:05' as never, ip: ip('10.128.0.5') }, ip('10.128.0.6'))
  const packet = echoRequest(ip('10.128.0.5'), ip('10.128.0.6'))
  const readers: Record<string, { sample: Uint8Array; read: (bytes: Uint8Array, random: SeededRandom) => void }> = {
    'DHCP messages': { sample: dhcp, read: parseDhcp },
    'ARP frames': { sample: arp, read: parseArp },
    'batches of packets': {
      sample: Uint8Array.of(0, 84, ...packet, 0, 84, ...packet),
      read: (b) => eachPacket(b, () => {}),
    },
    'IP packets': {
      sample: packet,
      read: (bytes) => {
        const opened = openIpv4(bytes)
        if (typeof opened !== 'string') {
          openUdp(opened)
          looksLikeDhcp(opened)
        }
      },
    },
    'tunnel datagrams': {
      sample: packet,
      read: (bytes, random) => {
        const tag = random.bytes(8)
        decoded({ write: () => {}, read: () => decodeMessage(tag, Uint8Array.of(...tag, ...bytes)) }, new Uint8Array(0))
      },
    },
  }
  for (const [index, [name, { sample, read }]] of Object.entries(readers).entries()) {
    test(`${name} are read or refused`, () => {
      const random = randomOf(30 + index)
      for (let i = 0; i < messages(30_000); i++) {
        read(random.below(4) === 0 ? random.bytes(random.below(400)) : damage(sample, random), random)
      }
    })
  }
})
