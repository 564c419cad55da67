import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EMPTY, utf8 } from '../../agent/core/bytes.ts'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { inbox, SessionLab } from './session-lab.ts'
import type { Sent } from './virtual-net.ts'

const ELSEWHERE = '192.0.2.77:7777' as UdpEndpoint
const RECORD = 0xd4

describe('a peer that moves', () => {
  test('is followed as soon as it speaks, and the session goes on', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [ab, ba] = await lab.session(a, b)
    const [atA, atB] = [inbox(ab), inbox(ba)]
    lab.net.rebind(a.socket, ELSEWHERE)
    ab.send('control', utf8('a payload long enough'))
    await lab.clock.runFor(100)
    assert.equal(ba.remote, ELSEWHERE)
    ba.send('control', utf8('there you are'))
    await lab.clock.runFor(100)
    assert.deepEqual([atA.length, atB.length], [1, 1])
    assert.equal(b.sessions.counters.get('sessions-moved'), 1)
  })

  test('is followed while nobody says anything', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [, ba] = await lab.session(a, b)
    lab.net.rebind(a.socket, ELSEWHERE)
    await lab.clock.runFor(21_000)
    assert.equal(ba.remote, ELSEWHERE)
  })

  test('is followed over a net that loses, whatever the times', async () => {
    const lab = new SessionLab(4)
    const [a, b] = lab.pair()
    const [ab, ba] = await lab.session(a, b)
    Object.assign(lab.net, { loss: 0.3, minDelayMs: 5, maxDelayMs: 100 })
    for (let move = 1; move <= 10; move++) {
      const endpoint = `192.0.2.${move}:4000` as UdpEndpoint
      lab.net.rebind(a.socket, endpoint)
      for (let i = 0; i < 200 && ba.remote !== endpoint; i++) {
        ab.send('datagram', new Uint8Array(100))
        await lab.clock.runFor(100)
      }
      assert.equal(ba.remote, endpoint)
    }
  })

  test('has its keys renewed at the new place', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair({ renewal: { afterMs: 60_000, afterRecords: 2 ** 26 } })
    const [ab] = await lab.session(b, a)
    lab.net.rebind(a.socket, ELSEWHERE)
    await lab.clock.runFor(70_000)
    assert.equal(ab.remote, ELSEWHERE)
    assert.equal(a.sessions.counters.get('sessions-renewed'), 1)
  })
})

describe('somebody who sends records on from elsewhere', () => {
  test('does not move the peer, and is answered with no more than he sends', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [ab, ba] = await lab.session(a, b)
    const got = inbox(ba)
    const answers: Sent[] = []
    let sent = 0
    lab.net.onSent = (one) => {
      if (one.to === ELSEWHERE) answers.push(one)
      if (one.from !== a.endpoint || one.datagram[0] !== RECORD) return one
      // He is faster than the true datagram, every time.
      sent += one.datagram.length
      lab.net.inject({ ...one, from: ELSEWHERE })
      return one
    }
    for (let i = 0; i < 100; i++) {
      ab.send('datagram', new Uint8Array(i))
      await lab.clock.runFor(50)
      assert.equal(ba.remote, a.endpoint)
    }
    assert.equal(got.length, 100)
    assert.ok(answers.length <= 6, `${answers.length} challenges in 5 s`)
    assert.ok(answers.reduce((sum, { datagram }) => sum + datagram.length, 0) < sent)
    assert.equal(b.sessions.counters.get('drop-replayed-record'), 100)
  })

  test('is not challenged for a record that is shorter than the challenge', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [ab] = await lab.session(a, b)
    let answered = 0
    lab.net.onSent = (one) => {
      if (one.to === ELSEWHERE) answered++
      return one.from === a.endpoint ? { ...one, from: ELSEWHERE } : one
    }
    ab.send('datagram', EMPTY)
    await lab.clock.runFor(100)
    assert.equal(answered, 0)
  })
})

describe('a peer that is said to be gone', () => {
  /** A session of which `isClosed` tells whether it has ended. */
  async function watched() {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [ab] = await lab.session(a, b)
    let closed = false
    ab.onClose = () => {
      closed = true
    }
    return { lab, a, ab, isClosed: () => closed }
  }

  test('is asked, and its session stands when it answers', async () => {
    const { lab, a, ab, isClosed } = await watched()
    for (let i = 0; i < 10; i++) {
      a.sessions.refused(ab.remote)
      await lab.clock.runFor(1_000)
    }
    assert.ok(!isClosed())
  })

  test('has no session any more when it says nothing', async () => {
    const { lab, a, ab, isClosed } = await watched()
    lab.net.loss = 1
    a.sessions.refused(ab.remote)
    await lab.clock.runFor(1_000)
    assert.ok(isClosed())
    assert.equal(a.sessions.counters.get('sessions-refused'), 1)
  })

  test('keeps its session on a line that loses, whatever is said', async () => {
    const { lab, a, ab, isClosed } = await watched()
    lab.net.loss = 0.1
    for (let i = 0; i < 240; i++) {
      a.sessions.refused(ab.remote)
      await lab.clock.runFor(500)
    }
    assert.ok(!isClosed())
  })

  test('has as long to answer as its round trips take', async () => {
    const { lab, a, ab, isClosed } = await watched()
    Object.assign(lab.net, { minDelayMs: 300, maxDelayMs: 300 })
    ab.roundTripMs = () => 600
    a.sessions.refused(ab.remote)
    await lab.clock.runFor(5_000)
    assert.ok(!isClosed())
  })

  test('is not asked for what is said of another endpoint', async () => {
    const lab = new SessionLab()
    const [a, b] = lab.pair()
    const [ab] = await lab.session(a, b)
    const sent: Sent[] = []
    lab.net.onSent = (each) => {
      sent.push(each)
      return each
    }
    a.sessions.refused(ELSEWHERE)
    await lab.clock.runFor(1_000)
    assert.deepEqual(sent, [])
    assert.notEqual(ab.remote, ELSEWHERE)
  })
})
