import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Host } from '../lab.ts'
import { drops, pair } from './pair.ts'

describe('an address that moves', () => {
  function move(from: Host, to: Host): void {
    from.leases.drop(from.ip)
    to.leases.grant(from.ip, to.mac)
  }

  test('is followed after "not mine" within two packets', async () => {
    const { lab, a, b } = pair()
    const c = lab.host('10.128.0.7')
    await lab.ping(a, b)
    move(b, c)
    c.tap.take()
    await lab.ping(a, b)
    assert.equal((await lab.ping(a, c, b.ip)).length, 1)
  })

  test('is accepted as a source from its new node', async () => {
    const { lab, a, b } = pair()
    const c = lab.host('10.128.0.7')
    await lab.ping(b, a)
    move(b, c)
    assert.equal((await lab.ping(c, a, a.ip, b.ip)).length, 1)
  })

  test('is asked for again when the link to its node breaks, before a packet needs it', async () => {
    const { lab, a, b } = pair()
    const c = lab.host('10.128.0.7')
    await lab.ping(a, b)
    move(b, c)
    lab.world.cut(a.overlay, b.overlay)
    await lab.clock.runFor(50)
    assert.equal((await lab.ping(a, c, b.ip)).length, 1)
    assert.equal(drops(b, 'not-mine'), 0)
  })

  test('is found at its new node after the old one died', async () => {
    const { lab, a, b } = pair()
    const c = lab.host('10.128.0.7')
    await lab.ping(a, b)
    lab.world.kill(b.overlay)
    b.network.stop()
    await lab.clock.runFor(500)
    move(b, c)
    for (let i = 0; i < 30; i++) await lab.ping(a, c, b.ip)
    assert.equal((await lab.ping(a, c, b.ip)).length, 1)
  })
})
