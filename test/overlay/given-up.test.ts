import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toAddress } from '../../agent/overlay/address.ts'
import { GivenUp } from '../../agent/overlay/given-up.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const PEER = toAddress(7n)
const OTHER = toAddress(8n)

describe('the word of a peer that took this node for dead', () => {
  test('tells how long this node was away, when its clock stood still', () => {
    const givenUp = new GivenUp(new VirtualClock())
    givenUp.onClosed(PEER)
    assert.equal(givenUp.absenceBy(PEER, 600_000), 600_000)
  })

  test('tells nothing when this node saw the link close at that moment', async () => {
    const clock = new VirtualClock()
    const givenUp = new GivenUp(clock)
    givenUp.onClosed(PEER)
    await clock.runFor(600_000)
    assert.equal(givenUp.absenceBy(PEER, 600_000), 0)
  })

  test('tells nothing new about an absence that this node found out itself', async () => {
    const clock = new VirtualClock()
    const givenUp = new GivenUp(clock)
    await clock.runFor(60_000)
    givenUp.onReturned()
    givenUp.onClosed(PEER)
    await clock.runFor(27_000)
    assert.equal(givenUp.absenceBy(PEER, 30_000), 0)
  })

  test('tells of an absence after the one that this node found out', async () => {
    const clock = new VirtualClock()
    const givenUp = new GivenUp(clock)
    givenUp.onReturned()
    await clock.runFor(60_000)
    givenUp.onClosed(PEER)
    await clock.runFor(27_000)
    assert.equal(givenUp.absenceBy(PEER, 40_000), 13_000)
  })

  test('tells nothing when the two clocks, each true to one percent, explain the difference', async () => {
    const clock = new VirtualClock()
    const givenUp = new GivenUp(clock)
    givenUp.onClosed(PEER)
    await clock.runFor(594_000)
    assert.equal(givenUp.absenceBy(PEER, 606_000), 0)
  })

  test('tells nothing after a partition, in which both gave the other up', () => {
    const givenUp = new GivenUp(new VirtualClock())
    givenUp.giveUp(PEER)
    givenUp.onClosed(PEER)
    assert.equal(givenUp.absenceBy(PEER, 600_000), 0)
  })

  test('does not count from a peer whose link did not close, nor twice for one that did', () => {
    const givenUp = new GivenUp(new VirtualClock())
    givenUp.onClosed(PEER)
    assert.equal(givenUp.absenceBy(OTHER, 600_000), 0)
    assert.equal(givenUp.absenceBy(PEER, 600_000), 600_000)
    assert.equal(givenUp.absenceBy(PEER, 600_000), 0)
  })

  test('counts once in ten seconds, however many liars say it', async () => {
    const clock = new VirtualClock()
    const givenUp = new GivenUp(clock)
    let heeded = 0
    for (let second = 0; second < 60; second++) {
      const liar = toAddress(BigInt(100 + second))
      givenUp.onClosed(liar)
      if (givenUp.absenceBy(liar, 3_600_000) > 0) heeded++
      await clock.runFor(1_000)
    }
    assert.equal(heeded, 6)
  })
})

describe('a node that took a peer for dead', () => {
  test('says so, and for how long, until the peer has heard it', async () => {
    const clock = new VirtualClock()
    const givenUp = new GivenUp(clock)
    assert.equal(givenUp.gaveUpMs(PEER), 0)
    givenUp.giveUp(PEER)
    await clock.runFor(4_000)
    assert.equal(givenUp.gaveUpMs(PEER), 4_000)
    givenUp.onKnown(PEER)
    assert.equal(givenUp.gaveUpMs(PEER), 0)
  })
  test('says so on the first link after that, and not on a later one', () => {
    const givenUp = new GivenUp(new VirtualClock())
    givenUp.giveUp(PEER)
    givenUp.onClosed(PEER)
    givenUp.onLinked(PEER)
    assert.notEqual(givenUp.gaveUpMs(PEER), 0)
    givenUp.onClosed(PEER)
    assert.equal(givenUp.gaveUpMs(PEER), 0)
  })
})
