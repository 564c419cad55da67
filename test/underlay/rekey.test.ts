import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { inbox, type Node, type NodeParts, SessionLab } from './session-lab.ts'

/** Numbered payloads both ways for `durationMs`, one each millisecond. Returns what arrived at each end. */
async function traffic(lab: SessionLab, a: Node, b: Node, durationMs: number) {
  const [ab, ba] = await lab.session(a, b)
  const [atA, atB] = [inbox(ab), inbox(ba)]
  let ended = 0
  ab.onClose = () => ended++
  ba.onClose = () => ended++
  for (let i = 0; i < durationMs; i++) {
    const payload = Uint8Array.of(i >> 16, (i >> 8) & 255, i & 255)
    ab.send('datagram', payload)
    ba.send('control', payload)
    await lab.clock.runFor(1)
  }
  await lab.clock.runFor(1_000)
  assert.equal(ended, 0)
  return { ab, ba, atA, atB }
}

const OFTEN: NodeParts['renewal'] = { afterMs: 500, afterRecords: 2 ** 26 }
const BY_VOLUME: NodeParts['renewal'] = { afterMs: 600_000, afterRecords: 1_000 }

describe('keys are renewed', () => {
  test('by their age, in the middle of traffic that overtakes itself, and everything arrives', async () => {
    const lab = new SessionLab(2)
    Object.assign(lab.net, { minDelayMs: 5, maxDelayMs: 80, duplicate: 0.1 })
    const [a, b] = lab.pair({ renewal: OFTEN })
    const { atA, atB } = await traffic(lab, a, b, 3_000)
    assert.deepEqual([atA.length, atB.length], [3_000, 3_000])
    // After a renewal the next one waits 30 s, so that one that fails is not tried at once again.
    assert.deepEqual(
      [a, b].map(({ sessions }) => sessions.counters.get('sessions-renewed')),
      [1, 1],
    )
  })

  test('by volume', async () => {
    const lab = new SessionLab(3)
    const [a, b] = lab.pair({ renewal: BY_VOLUME })
    const { atA, atB } = await traffic(lab, a, b, 1_500)
    assert.deepEqual([atA.length, atB.length], [1_500, 1_500])
    assert.deepEqual(
      [a, b].map(({ sessions }) => sessions.counters.get('sessions-renewed')),
      [1, 1],
    )
  })

  test('over a net that loses every fifth datagram, and no other payload is lost', async () => {
    const lab = new SessionLab(4)
    Object.assign(lab.net, { minDelayMs: 5, maxDelayMs: 80 })
    const [a, b] = lab.pair({ renewal: OFTEN })
    let lost = 0
    let kept = 0
    lab.net.onSent = (sent) => {
      // Payloads of this test have three bytes.
      const isPayload = sent.datagram.length === 13 + 1 + 3 + 16
      const isLost = b.opened.length > 0 && lab.random.below(5) === 0
      if (isPayload) isLost ? lost++ : kept++
      return isLost ? undefined : sent
    }
    const { atA, atB } = await traffic(lab, a, b, 5_000)
    assert.equal(atA.length + atB.length, kept)
    assert.equal(lost + kept, 10_000)
    assert.ok(b.sessions.counters.get('sessions-renewed') >= 1)
  })

  test('in a session of many hours, which is one session all along', async () => {
    const lab = new SessionLab(5)
    const [a, b] = lab.pair()
    const [ab, ba] = await lab.session(a, b)
    let ended = 0
    ab.onClose = () => ended++
    ba.onClose = () => ended++
    await lab.clock.runFor(12 * 3_600_000)
    assert.equal(ended, 0)
    assert.ok(a.sessions.counters.get('sessions-renewed') >= 70)
    const got = inbox(ba)
    ab.send('control', new Uint8Array(1))
    await lab.clock.runFor(100)
    assert.equal(got.length, 1)
  })

  test('at the new place of a peer that has moved since it last spoke', async () => {
    const lab = new SessionLab(8)
    const [a, b] = lab.pair({ renewal: { afterMs: 5_000, afterRecords: 2 ** 26 } })
    const [ab, ba] = await lab.session(a, b)
    await lab.clock.runFor(4_900)
    lab.net.rebind(a.socket, '10.9.9.9:4444' as UdpEndpoint)
    await lab.clock.runFor(60_000)
    const [atA, atB] = [inbox(ab), inbox(ba)]
    ab.send('control', new Uint8Array(1))
    ba.send('control', new Uint8Array(1))
    await lab.clock.runFor(100)
    assert.deepEqual([atA.length, atB.length], [1, 1])
  })

  test('with the former ones forgotten after ten seconds', async () => {
    const lab = new SessionLab(6)
    const [a, b] = lab.pair({ renewal: OFTEN })
    const [ab, ba] = await lab.session(a, b)
    const got = inbox(ba)
    let recorded: Uint8Array | undefined
    lab.net.onSent = (sent) => {
      if (sent.from === a.endpoint && recorded === undefined && sent.datagram[0] === 0xd4) {
        recorded = sent.datagram
        return undefined
      }
      return sent
    }
    ab.send('control', new Uint8Array(1))
    await lab.clock.runFor(9_000)
    assert.equal(b.sessions.counters.get('sessions-renewed'), 1)
    await lab.clock.runFor(5_000)
    lab.net.inject({ from: a.endpoint, to: b.endpoint, datagram: recorded! })
    assert.equal(got.length, 0)
    assert.equal(b.sessions.counters.get('drop-unknown-receiver'), 1)
  })

  test('not for a peer that has forgotten the session: it ends', async () => {
    const lab = new SessionLab(7)
    const seed = lab.random.bytes(32)
    const a = lab.node({ renewal: { afterMs: 30_000, afterRecords: 2 ** 26 } })
    const b = lab.node({ seed })
    const [ab] = await lab.session(a, b)
    let ended = 0
    ab.onClose = () => ended++
    lab.node({ seed, endpoint: b.endpoint })
    await lab.clock.runFor(31_000)
    assert.equal(ended, 1)
  })
})
