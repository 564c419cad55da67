import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Vigil } from '../../agent/core/vigil.ts'
import { Absence, type AbsenceParts } from '../../agent/overlay/absence.ts'
import { toAddress } from '../../agent/overlay/address.ts'
import { GivenUp } from '../../agent/overlay/given-up.ts'
import type { Frame } from '../../agent/overlay/messages.ts'
import { Peers } from '../../agent/overlay/peers.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { linkTo } from './link-to.ts'

const PEER = toAddress(7n)
const OTHER = toAddress(8n)
const HOUR_MS = 3_600_000

/** A node with two links, each an hour old. */
async function linkedForAnHour() {
  const clock = new VirtualClock()
  const peers = new Peers(toAddress(0n), clock)
  for (const address of [PEER, OTHER]) peers.add(linkTo(address))
  await clock.runFor(HOUR_MS)
  const vigil = new Vigil(clock)
  const gaps: number[] = []
  const sent: Frame['kind'][] = []
  vigil.onAbsence((gapMs) => gaps.push(gapMs))
  const absence = new Absence({
    ...{ clock, vigil, peers, givenUp: new GivenUp(clock) },
    near: { evaluate() {} } as unknown as AbsenceParts['near'],
    liveness: { suspect() {} } as unknown as AbsenceParts['liveness'],
    connectivity: { doubt() {} } as unknown as AbsenceParts['connectivity'],
    send: (_, frame) => sent.push(frame.kind) > 0,
    review: () => {},
  })
  return { clock, peers, vigil, absence, gaps, toldAway: () => sent.filter((kind) => kind === 'away').length }
}

describe('a node that was away', () => {
  test('tells every peer whose link was kept all the while: that one must have been away too', async () => {
    const { vigil, toldAway } = await linkedForAnHour()
    vigil.report(HOUR_MS)
    assert.equal(toldAway(), 2)
  })

  test('no longer believes what its peers said of the ring before', async () => {
    const { vigil, peers } = await linkedForAnHour()
    const said = { kind: 'status', epoch: 1, serial: 1, wanted: true, joined: true, left: [], right: [] } as const
    for (const peer of peers.all()) peer.status = said
    vigil.report(HOUR_MS)
    assert.deepEqual(
      [...peers.all()].map(({ status }) => status),
      [undefined, undefined],
    )
  })
})

describe('the word of a peer that it was away', () => {
  test('tells a node with an old link to it that it was away too; the node does not pass that on', async () => {
    const { absence, gaps, toldAway } = await linkedForAnHour()
    absence.onAway(PEER, HOUR_MS)
    assert.deepEqual(gaps, [HOUR_MS])
    assert.equal(toldAway(), 0)
  })

  test('proves nothing over a link that came up since, nor when it was so short that the link could last', async () => {
    const { absence, peers, gaps } = await linkedForAnHour()
    absence.onAway(PEER, 60_000)
    const newcomer = toAddress(9n)
    peers.add(linkTo(newcomer))
    absence.onAway(newcomer, HOUR_MS)
    assert.deepEqual(gaps, [])
  })

  test('counts once in ten seconds, however many say it', async () => {
    const { clock, absence, gaps } = await linkedForAnHour()
    for (let second = 0; second < 20; second++) {
      for (const peer of [PEER, OTHER]) absence.onAway(peer, HOUR_MS)
      await clock.runFor(1_000)
    }
    assert.equal(gaps.length, 2)
  })
})
