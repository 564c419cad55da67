import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hex, utf8 } from '../../agent/core/bytes.ts'
import { type KeyPair, keyPairOf } from '../../agent/core/ed25519.ts'
import { addressOfPublicKey } from '../../agent/overlay/address.ts'
import { Initiator, NO_SESSION, NodeKeys, type Purpose, Responder } from '../../agent/underlay/handshake.ts'
import { parsePacket } from '../../agent/underlay/packets.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'

const random = new SeededRandom(1)
const honest = keyPairOf(random.bytes(32))
/** Claims the identity of another, whose signature it does not have. */
const liar: KeyPair = { publicKey: honest.publicKey, sign: (message) => keyPairOf(random.bytes(32)).sign(message) }

function noiseOf(datagram: Uint8Array): Uint8Array {
  const packet = parsePacket(datagram)
  assert.ok(packet?.kind === 'first' || packet?.kind === 'second' || packet?.kind === 'third')
  return packet.noise
}

function begun(initiating: KeyPair, responding: KeyPair, ringKeys: readonly (Uint8Array | undefined)[] = []) {
  const initiator = new Initiator(new NodeKeys(initiating, ringKeys[0], random), 7)
  const keys = new NodeKeys(responding, ringKeys[1], random)
  const responder = Responder.answer(keys, noiseOf(initiator.first()), 8)!
  return { initiator, responder, peer: initiator.readSecond(noiseOf(responder.second)) }
}

describe('the handshake', () => {
  test('proves the address of each node to the other, and agrees on everything', () => {
    const other = keyPairOf(random.bytes(32))
    const { initiator, responder, peer } = begun(other, honest)
    assert.equal(peer, addressOfPublicKey(honest.publicKey))
    const purpose: Purpose = { kind: 'unless', session: utf8('sixteen bytes...') }
    const asked = responder.readThird(noiseOf(initiator.third(purpose)!))
    assert.deepEqual(asked, { peer: addressOfPublicKey(other.publicKey), purpose })
    const [ours, theirs] = [initiator.agreed()!, responder.agreed()!]
    assert.deepEqual([ours.remote, theirs.remote], [8, 7])
    assert.equal(hex(ours.id), hex(theirs.id))
    assert.deepEqual([ours.keys.send, ours.keys.receive], [theirs.keys.receive, theirs.keys.send])
  })

  test('takes nobody for a node whose key he does not have', () => {
    assert.equal(begun(honest, liar).peer, undefined)
    const { initiator, responder } = begun(liar, honest)
    const third = initiator.third({ kind: 'open', session: NO_SESSION })!
    assert.equal(responder.readThird(noiseOf(third)), undefined)
  })

  test('goes on with the true answer after a false one', () => {
    const initiator = new Initiator(new NodeKeys(keyPairOf(random.bytes(32)), undefined, random), 7)
    const first = noiseOf(initiator.first())
    const answers = [liar, honest].map((key) => Responder.answer(new NodeKeys(key, undefined, random), first, 8)!)
    assert.deepEqual(
      answers.map(({ second }) => initiator.readSecond(noiseOf(second))),
      [undefined, addressOfPublicKey(honest.publicKey)],
    )
    const third = initiator.third({ kind: 'open', session: NO_SESSION })!
    assert.ok(answers[1]!.readThird(noiseOf(third)) !== undefined)
  })

  test('does not begin between nodes of two rings', () => {
    const [one, another] = [random.bytes(32), random.bytes(32)]
    assert.notEqual(begun(honest, honest, [one, one]).peer, undefined)
    for (const keys of [[one, another], [one], [undefined, one]])
      assert.equal(begun(honest, honest, keys).peer, undefined)
  })
})
