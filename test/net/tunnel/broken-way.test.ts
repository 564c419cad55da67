import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pair } from './pair.ts'

describe('the way to a peer', () => {
  test('is opened again when the link broke, without losing the packet that notices', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    lab.world.cut(a.overlay, b.overlay)
    assert.equal((await lab.ping(a, b)).length, 1)
  })

  test('to a dead node is tried again ever more slowly, not with every packet', async () => {
    const { lab, a, b } = pair()
    lab.world.kill(b.overlay)
    for (let i = 0; i < 300; i++) await lab.ping(a, b)
    assert.ok(a.overlay.connects > 3 && a.overlay.connects < 15, `${a.overlay.connects} attempts in 30 s`)
  })

  test('that swallows everything is given up while traffic flows, and an idle one is not watched', async () => {
    const { lab, a, b } = pair()
    await lab.ping(a, b)
    await lab.clock.runFor(30_000)
    const quiet = lab.world.sent.length
    await lab.clock.runFor(60_000)
    assert.equal(lab.world.sent.length, quiet, 'no heartbeat without traffic')
    lab.world.lose = () => true
    for (let i = 0; i < 120; i++) await lab.ping(a, b)
    assert.ok((a.network.counters()['peer-silent'] ?? 0) > 0)
  })
})
