import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { concat, EMPTY, hex, utf8 } from '../../agent/core/bytes.ts'
import { aeadKey, open, sealInto, TAG_BYTES } from '../../agent/underlay/aead.ts'
import { NoiseXX } from '../../agent/underlay/noise.ts'
import { type DhKeyPair, dhKeyPairOf } from '../../agent/underlay/x25519.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'

interface Vector {
  readonly source: string
  readonly init_prologue: string
  readonly init_static: string
  readonly init_ephemeral: string
  readonly resp_static: string
  readonly resp_ephemeral: string
  readonly handshake_hash?: string
  readonly messages: readonly { payload: string; ciphertext: string }[]
}

const path = new URL('./noise-vectors.json', import.meta.url)
const { vectors }: { vectors: readonly Vector[] } = JSON.parse(readFileSync(path, 'utf8'))

const random = new SeededRandom(1)
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const keys = (secret = random.bytes(32)) => dhKeyPairOf(secret)

function pair(prologues: [Uint8Array, Uint8Array] = [EMPTY, EMPTY], ephemerals: [DhKeyPair?, DhKeyPair?] = []) {
  const make = (i: 0 | 1) =>
    new NoiseXX({ initiator: i === 0, prologue: prologues[i], static: keys(), ephemeral: ephemerals[i] ?? keys() })
  return [make(0), make(1)] as const
}

describe('Noise XX', () => {
  for (const vector of vectors) {
    test(`gives the bytes of the test vector of ${vector.source}`, () => {
      const prologue = bytes(vector.init_prologue)
      const sides = [
        new NoiseXX({
          initiator: true,
          prologue,
          static: keys(bytes(vector.init_static)),
          ephemeral: keys(bytes(vector.init_ephemeral)),
        }),
        new NoiseXX({
          initiator: false,
          prologue,
          static: keys(bytes(vector.resp_static)),
          ephemeral: keys(bytes(vector.resp_ephemeral)),
        }),
      ] as const
      const counters = [0, 0]
      for (const [i, { payload, ciphertext }] of vector.messages.entries()) {
        const from = i % 2
        const [writer, reader] = [sides[from]!, sides[1 - from]!]
        if (i < 3) {
          assert.equal(hex(writer.write(bytes(payload))!), ciphertext)
          assert.equal(hex(reader.read(bytes(ciphertext))!), payload)
          continue
        }
        const sealed = new Uint8Array(payload.length / 2 + TAG_BYTES)
        const counter = counters[from]!++
        sealInto(sealed, 0, aeadKey(writer.split()!.send), counter, EMPTY, bytes(payload))
        assert.equal(hex(sealed), ciphertext)
        assert.equal(hex(open(aeadKey(reader.split()!.receive), counter, EMPTY, sealed)!), payload)
      }
      assert.equal(hex(sides[0].hash), hex(sides[1].hash))
      if (vector.handshake_hash !== undefined) assert.equal(hex(sides[0].hash), vector.handshake_hash)
    })
  }

  test('opens no message of a peer with another prologue', () => {
    const [initiator, responder] = pair([utf8('one ring'), utf8('another')])
    responder.read(initiator.write(EMPTY)!)
    assert.equal(initiator.read(responder.write(EMPTY)!), undefined)
  })

  test('takes the true message after a damaged one, whichever byte was damaged', () => {
    const [initiator, responder] = pair()
    responder.read(initiator.write(EMPTY)!)
    const second = responder.write(utf8('hello'))!
    for (let i = 0; i < second.length; i++) {
      const damaged = second.slice()
      damaged[i]! ^= 1
      assert.equal(initiator.read(damaged), undefined)
      assert.equal(initiator.read(second.subarray(0, i)), undefined)
    }
    assert.equal(initiator.read(concat(second, EMPTY))?.length, 5)
    const third = initiator.write(utf8('well'))!
    for (let i = 0; i < third.length; i++) {
      const damaged = third.slice()
      damaged[i]! ^= 128
      assert.equal(responder.read(damaged), undefined)
    }
    assert.equal(responder.split(), undefined)
    assert.equal(hex(responder.read(third)!), hex(utf8('well')))
    assert.deepEqual(responder.split()!.send, initiator.split()!.receive)
  })

  test('refuses keys that give a secret known to all', () => {
    const weak: DhKeyPair = { publicKey: new Uint8Array(32), sharedWith: () => new Uint8Array(32) }
    const [initiator, responder] = pair([EMPTY, EMPTY], [weak])
    assert.notEqual(responder.read(initiator.write(EMPTY)!), undefined)
    assert.equal(responder.write(EMPTY), undefined)
  })

  test('says nothing out of turn', () => {
    const [initiator, responder] = pair()
    assert.equal(responder.write(EMPTY), undefined)
    const first = initiator.write(EMPTY)!
    assert.equal(initiator.write(EMPTY), undefined)
    assert.equal(initiator.read(first), undefined)
  })
})
