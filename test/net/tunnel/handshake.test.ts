import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { deriveKeys } from '../../../agent/namespace/keys.ts'
import {
  dataPrefix,
  decodeMessage,
  encodeMessage,
  NONCE_BYTES,
  sessionId,
  tagOf,
} from '../../../agent/net/tunnel/messages.ts'
import { echoRequest } from '../../packet/frames.ts'
import { Lab } from '../lab.ts'
import { drops, forge, pair } from './pair.ts'

describe('the handshake', () => {
  test('survives the loss of any one of its messages', async () => {
    for (const lost of ['hello', 'welcome', 'confirm']) {
      const { lab, a, b } = pair()
      let dropped = false
      lab.world.lose = (_from, _to, body) => {
        const hit = !dropped && decodeMessage(tagOf(lab.keys), body)?.kind === lost
        dropped ||= hit
        return hit
      }
      await lab.ping(a, b)
      await lab.clock.runFor(2000)
      assert.equal(dropped, true)
      b.tap.take()
      assert.equal((await lab.ping(a, b)).length, 1, `after a lost ${lost}`)
    }
  })

  test('is begun by a peer no more often than it has reason to', async () => {
    const { lab, a } = pair()
    const stranger = lab.world.node(99n)
    await lab.clock.complete(stranger.connect(a.overlay.self))
    for (let i = 0; i < 1_000; i++) {
      const nonce = lab.random.bytes(NONCE_BYTES)
      stranger.datagram(a.overlay.self, encodeMessage(tagOf(lab.keys), { kind: 'hello', nonce }))
      await lab.clock.runFor(1)
    }
    const welcomes = lab.world.sent.filter(({ to }) => to === stranger.self)
    assert.ok(welcomes.length > 0 && welcomes.length <= 11, `${welcomes.length} in a second`)
  })

  test('no packet passes in either direction when the secrets differ', async () => {
    const lab = new Lab()
    const a = lab.host('10.128.0.5')
    // The stranger knows the id and even reads the DHT, but proves with another secret.
    const other = deriveKeys(lab.keys.id, new Uint8Array(32).fill(2))
    const stranger = lab.host('10.128.0.6', {
      keys: { ...lab.keys, membership: other.membership },
      leaseKeys: lab.keys,
    })
    assert.deepEqual(await lab.ping(a, stranger), [])
    assert.deepEqual(await lab.ping(stranger, a), [])
    await lab.clock.runFor(5000)
    assert.deepEqual(a.tap.take(), [])
    assert.ok((a.network.counters()['handshake-refused'] ?? 0) > 0)
    assert.equal(a.network.tunnels()[0]?.open, false)
  })

  test('a recorded confirm does not open a session for another node, nor a second time', async () => {
    const { lab, a, b } = pair()
    const thief = lab.host('10.128.0.7')
    await lab.ping(a, b)
    const [confirm] = lab.world.sent.filter(({ body }) => decodeMessage(tagOf(lab.keys), body)?.kind === 'confirm')
    assert.ok(confirm)
    thief.overlay.links.add(b.overlay.self)
    b.overlay.links.add(thief.overlay.self)
    const before = b.network.counters()['tunnel-open']
    forge(thief, b, confirm.body)
    forge(a, b, confirm.body)
    await lab.clock.runFor(50)
    assert.equal(b.network.counters()['tunnel-open'], before)
  })

  test('a peer that sends our own proof back as its own is refused', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const mirror = lab.host('10.128.0.7')
    mirror.network.stop()
    mirror.overlay.links.add(b.overlay.self)
    b.overlay.links.add(mirror.overlay.self)
    const tag = tagOf(lab.keys)
    const nonce = new Uint8Array(16).fill(5)
    forge(mirror, b, encodeMessage(tag, { kind: 'hello', nonce }))
    await lab.clock.runFor(10)
    const welcome = decodeMessage(tag, lab.world.sent.at(-1)?.body ?? new Uint8Array())
    assert.ok(welcome?.kind === 'welcome')
    const transcript = {
      initiator: mirror.overlay.self,
      responder: b.overlay.self,
      initiatorNonce: nonce,
      responderNonce: welcome.mine,
    }
    const before = b.network.counters()
    const session = sessionId(lab.keys, transcript)
    forge(mirror, b, encodeMessage(tag, { kind: 'confirm', session, proof: welcome.proof }))
    await lab.clock.runFor(10)
    assert.equal(b.network.counters()['handshake-refused'], (before['handshake-refused'] ?? 0) + 1)
    assert.equal(b.network.counters()['tunnel-open'], before['tunnel-open'])
  })

  test('packets from a peer without a session are refused, and the peer is told', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const stranger = lab.host('10.128.0.8')
    stranger.overlay.links.add(b.overlay.self)
    b.overlay.links.add(stranger.overlay.self)
    const body = echoRequest(stranger.ip, b.ip)
    forge(stranger, b, Uint8Array.of(...dataPrefix(tagOf(lab.keys), 1234), 0, body.length, ...body))
    await lab.clock.runFor(50)
    assert.deepEqual(b.tap.take(), [])
    assert.equal(drops(b, 'no-session'), 1)
    const last = lab.world.sent.at(-1)
    assert.equal(decodeMessage(tagOf(lab.keys), last?.body ?? new Uint8Array())?.kind, 'unknown')
  })

  test('a peer that restarted is greeted anew, and packets flow again', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    b.network.stop()
    const again = lab.host('10.128.0.6', { node: b.overlay.self })
    again.overlay.links.add(a.overlay.self)
    await lab.ping(a, again)
    await lab.clock.runFor(2000)
    again.tap.take()
    assert.equal((await lab.ping(a, again)).length, 1)
    assert.equal((await lab.ping(again, a)).length, 1)
  })

  test('a datagram of another namespace is dropped', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const other = deriveKeys('anothernamespace', new Uint8Array(32).fill(1))
    forge(a, b, encodeMessage(tagOf(other), { kind: 'hello', nonce: new Uint8Array(16) }))
    await lab.clock.runFor(10)
    assert.equal(drops(b, 'other-namespace'), 1)
  })

  test('corrupt datagrams are counted and never throw', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    const real = lab.world.sent.map(({ body }) => body)
    const corrupt = fc
      .tuple(fc.constantFrom(...real), fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }), fc.nat(140))
      .map(([body, changes, length]) => {
        const copy = body.slice(0, length)
        for (const [at, value] of changes) if (at + 8 < copy.length) copy[at + 8] = value
        return copy
      })
    for (const body of fc.sample(fc.oneof(corrupt, fc.uint8Array({ maxLength: 100 })), 2000)) {
      a.overlay.links.add(b.overlay.self)
      forge(a, b, body)
    }
    await lab.clock.runFor(5000)
    assert.ok(drops(b, 'tunnel-malformed') > 0)
    b.tap.take()
    assert.equal((await lab.ping(a, b)).length, 1)
  })
})
