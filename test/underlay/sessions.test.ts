import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { utf8 } from '../../agent/core/bytes.ts'
import { SILENCE_LIMIT_MS } from '../../agent/underlay/constants.ts'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { type Session, SessionError, type SessionFailure } from '../../agent/underlay/sessions.ts'
import { inbox, SessionLab } from './session-lab.ts'

const fails = (failure: SessionFailure) => (error: unknown) =>
  error instanceof SessionError && error.failure === failure

describe('a session', () => {
  test('is proven at both ends, and carries both kinds of payload', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [ab, ba] = await lab.session(a, b)
    assert.equal(ab.peer, b.address)
    assert.equal(ba.peer, a.address)
    assert.deepEqual([ab.outgoing, ba.outgoing], [true, false])
    assert.deepEqual([ab.remote, ba.remote], [b.endpoint, a.endpoint])
    const [atA, atB] = [inbox(ab), inbox(ba)]
    ab.send('control', utf8('hello'))
    ba.send('datagram', new Uint8Array(ba.maxPayload))
    ba.send('datagram', new Uint8Array(ba.maxPayload + 1))
    await lab.clock.runFor(100)
    assert.deepEqual(atB, [{ kind: 'control', payload: utf8('hello') }])
    assert.deepEqual(
      atA.map(({ payload }) => payload.length),
      [ba.maxPayload],
    )
    assert.equal(b.sessions.counters.get('drop-long-payload'), 1)
  })

  test('keeps what arrives before anybody listens', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    b.sessions.onSession = (session) => session.send('control', utf8('at once'))
    const session = await lab.clock.complete(a.sessions.connect(b.endpoint))
    await lab.clock.runFor(100)
    assert.equal(inbox(session).length, 1)
  })

  test('opens over a net that loses, doubles and reorders', async () => {
    let opened = 0
    for (let seed = 1; seed <= 40; seed++) {
      const lab = new SessionLab(seed)
      Object.assign(lab.net, { loss: 0.3, duplicate: 0.3, minDelayMs: 5, maxDelayMs: 200 })
      const [a, b] = lab.pair({ ringKey: new Uint8Array(32) })
      await lab.clock.complete(a.sessions.connect(b.endpoint)).then(
        () => opened++,
        () => {},
      )
      assert.equal(b.opened.length <= 1, true)
    }
    assert.ok(opened >= 36, `${opened} of 40`)
  })

  test('brings each payload at most once, unaltered', async () => {
    const lab = new SessionLab(3)
    const [a, b] = lab.pair()
    const [ab, ba] = await lab.session(a, b)
    Object.assign(lab.net, { loss: 0.1, duplicate: 0.5, minDelayMs: 5, maxDelayMs: 300 })
    const got = inbox(ba)
    for (let i = 0; i < 1_000; i++) {
      ab.send('datagram', Uint8Array.of(i >> 8, i & 255))
      await lab.clock.runFor(1)
    }
    await lab.clock.runFor(1_000)
    const numbers = got.map(({ payload }) => payload[0]! * 256 + payload[1]!)
    assert.equal(new Set(numbers).size, numbers.length)
    assert.ok(numbers.length > 850)
  })

  test('ends at both ends when one closes it, also when word of it is lost', async () => {
    for (const lost of [false, true]) {
      const lab = new SessionLab()
      const [a, b] = lab.pair()
      const [ab, ba] = await lab.session(a, b)
      const ends: string[] = []
      ab.onClose = () => ends.push('a')
      ba.onClose = () => ends.push('b')
      lab.net.loss = lost ? 1 : 0
      ab.close()
      ab.close()
      ab.send('control', utf8('nothing'))
      await lab.clock.runFor(100)
      lab.net.loss = 0
      ba.send('control', utf8('are you there?'))
      await lab.clock.runFor(100)
      assert.deepEqual(ends, ['a', 'b'])
    }
  })

  test('stays while nobody speaks, and ends when the peer is gone', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [ab, ba] = await lab.session(a, b)
    let ended = 0
    ab.onClose = () => ended++
    ba.onClose = () => ended++
    await lab.clock.runFor(3_600_000)
    assert.equal(ended, 0)
    lab.net.loss = 1
    await lab.clock.runFor(SILENCE_LIMIT_MS + 1_000)
    assert.equal(ended, 2)
  })

  test('costs an idle node less than five bytes a second', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    await lab.session(a, b)
    let bytes = 0
    lab.net.onSent = (sent) => {
      if (sent.from === a.endpoint) bytes += sent.datagram.length + 28
      return sent
    }
    await lab.clock.runFor(3_600_000)
    assert.ok(bytes / 3_600 < 5, `${bytes / 3_600} bytes/s`)
  })
})

describe('connecting', () => {
  test('fails when nobody answers, when another node does, or this node itself', async () => {
    const lab = new SessionLab()
    const seed = lab.random.bytes(32)
    const a = lab.node({ seed })
    const copy = lab.node({ seed })
    const b = lab.node()
    const nobody = '10.9.9.9:4000' as UdpEndpoint
    await assert.rejects(lab.clock.complete(a.sessions.connect(nobody)), fails('unreachable'))
    await assert.rejects(lab.clock.complete(a.sessions.connect(b.endpoint, 5n as never)), fails('wrong-peer'))
    await assert.rejects(lab.clock.complete(a.sessions.connect(a.endpoint)), fails('self'))
    await assert.rejects(lab.clock.complete(a.sessions.connect(copy.endpoint)), fails('self'))
    await lab.clock.runFor(10_000)
    assert.equal(b.opened.length + copy.opened.length + a.opened.length, 0)
  })

  test('fails without the key of the ring, and the node says nothing', async () => {
    const lab = new SessionLab()
    const inside = lab.node({ ringKey: new Uint8Array(32).fill(1) })
    let said = 0
    lab.net.onSent = (sent) => {
      if (sent.from === inside.endpoint) said++
      return sent
    }
    for (const ringKey of [undefined, new Uint8Array(32).fill(2)]) {
      const stranger = lab.node({ ringKey })
      await assert.rejects(lab.clock.complete(stranger.sessions.connect(inside.endpoint)), fails('unreachable'))
    }
    assert.equal(said, 0)
    assert.ok(inside.sessions.counters.get('drop-wrong-mac') > 0)
  })

  test('can be given up', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const given = new AbortController()
    const connecting = a.sessions.connect(b.endpoint, undefined, given.signal)
    given.abort(new Error('enough'))
    await assert.rejects(connecting, /enough/)
    await assert.rejects(a.sessions.connect(b.endpoint, undefined, AbortSignal.abort(new Error('never'))), /never/)
    await lab.clock.runFor(20_000)
    assert.equal(b.opened.length, 0)
  })

  test('ends with the node', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [, ba] = await lab.session(a, b)
    let ended = 0
    ba.onClose = () => ended++
    const connecting = a.sessions.connect('10.9.9.9:4000' as UdpEndpoint)
    a.sessions.stop()
    await assert.rejects(connecting, fails('stopped'))
    await assert.rejects(a.sessions.connect(b.endpoint), fails('stopped'))
    await lab.clock.runFor(100)
    assert.equal(ended, 1)
  })

  test('brings the session that stands, when both sides still have it', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [ab, ba] = await lab.session(a, b)
    assert.equal(await lab.clock.complete(a.sessions.connect(b.endpoint)), ab)
    assert.equal(await lab.clock.complete(b.sessions.connect(a.endpoint)), ba)
    assert.deepEqual([a.opened.length, b.opened.length], [0, 1])
  })

  test('twice at once brings one session', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const both = Promise.all([a.sessions.connect(b.endpoint), a.sessions.connect(b.endpoint)])
    const [first, second] = await lab.clock.complete(both)
    assert.equal(first, second)
    assert.equal(b.opened.length, 1)
  })

  test('brings a new session when the peer has started again', async () => {
    const lab = new SessionLab()
    const seed = lab.random.bytes(32)
    const a = lab.node()
    const before = lab.node({ seed })
    const [ab] = await lab.session(a, before)
    let ended = 0
    ab.onClose = () => ended++
    const after = lab.node({ seed, endpoint: before.endpoint })
    const [again] = await lab.session(after, a)
    assert.equal(ended, 1)
    assert.equal(again.peer, a.address)
    await lab.clock.runFor(60_000)
    assert.equal(ended, 1)
  })

  for (const [who, copyGoes] of [
    ['the copy', true],
    ['nobody', false],
  ] as const) {
    test(`with a copy of the peer elsewhere stands beside the former for a moment, in which ${who} leaves`, async () => {
      const lab = new SessionLab()
      const seed = lab.random.bytes(32)
      const [a, original, copy] = [lab.node(), lab.node({ seed }), lab.node({ seed })]
      const [, former] = await lab.session(original, a)
      let ended = 0
      former.onClose = () => ended++
      const [fromCopy] = await lab.session(copy, a)
      await lab.clock.runFor(500)
      assert.equal(ended, 0)
      if (copyGoes) fromCopy.close()
      await lab.clock.runFor(10_000)
      assert.equal(ended, copyGoes ? 0 : 1)
      const standing = await lab.clock.complete(a.sessions.connect(original.endpoint))
      assert.equal(standing === former, copyGoes)
    })
  }

  test('from both sides at once leaves one session, the same at both ends', async () => {
    for (let seed = 1; seed <= 150; seed++) {
      const lab = new SessionLab(seed)
      Object.assign(lab.net, { loss: seed % 3 === 0 ? 0.1 : 0, duplicate: 0.2, minDelayMs: 5, maxDelayMs: 60 })
      const [a, b] = lab.pair()
      const offsetMs = seed % 5 === 0 ? 0 : lab.random.float() * 100
      const alive = new Map<Session, boolean>()
      const watch = (session: Session) => {
        if (alive.has(session)) return
        alive.set(session, true)
        session.onClose = () => alive.set(session, false)
      }
      a.sessions.onSession = watch
      b.sessions.onSession = watch
      const fromA = a.sessions.connect(b.endpoint)
      await lab.clock.runFor(offsetMs)
      const fromB = b.sessions.connect(a.endpoint)
      const [ab, ba] = await lab.clock.complete(Promise.all([fromA, fromB]))
      for (const session of [ab, ba]) watch(session)
      lab.net.loss = 0
      await lab.clock.runFor(20_000)
      const standing = [...alive].filter(([, is]) => is).map(([session]) => session)
      assert.equal(standing.length, 2, `seed ${seed}: ${standing.length} ends stand`)
      assert.notEqual(standing[0]!.outgoing, standing[1]!.outgoing, `seed ${seed}`)
      const [first, second] = [inbox(standing[0]!), inbox(standing[1]!)]
      standing[0]!.send('control', utf8('one'))
      standing[1]!.send('control', utf8('two'))
      await lab.clock.runFor(200)
      assert.deepEqual([first.length, second.length], [1, 1], `seed ${seed}`)
    }
  })
})
