import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Cookies } from '../../agent/underlay/cookies.ts'
import type { UdpEndpoint } from '../../agent/underlay/datagrams.ts'
import { HandshakeLoad, networkOf } from '../../agent/underlay/handshake-load.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const at = (endpoint: string) => endpoint as UdpEndpoint

describe('a cookie', () => {
  test('holds for its endpoint only, for two to four minutes', async () => {
    const clock = new VirtualClock()
    const cookies = new Cookies(clock, new SeededRandom(1))
    const cookie = cookies.for(at('192.0.2.1:1'))
    assert.ok(cookies.isRight(at('192.0.2.1:1'), cookie))
    assert.ok(!cookies.isRight(at('192.0.2.1:2'), cookie))
    assert.ok(!new Cookies(clock, new SeededRandom(2)).isRight(at('192.0.2.1:1'), cookie))
    await clock.runFor(121_000)
    assert.ok(cookies.isRight(at('192.0.2.1:1'), cookie))
    await clock.runFor(121_000)
    assert.ok(!cookies.isRight(at('192.0.2.1:1'), cookie))
  })

  test('is forgotten when nobody has asked for four minutes', async () => {
    const clock = new VirtualClock()
    const cookies = new Cookies(clock, new SeededRandom(1))
    const cookie = cookies.for(at('192.0.2.1:1'))
    await clock.runFor(241_000)
    assert.ok(!cookies.isRight(at('192.0.2.1:1'), cookie))
  })
})

describe('the load of handshakes', () => {
  /** How many of 1,000 first messages with cookies are taken within a second. */
  const taken = (sources: (i: number) => string) => {
    const load = new HandshakeLoad(new VirtualClock())
    return Array.from({ length: 1_000 }, (_, i) => load.admits(networkOf(at(sources(i))))).filter((is) => is).length
  }

  test('from one network leaves room for others', () => {
    assert.equal(
      taken((i) => `192.0.2.1:${i}`),
      100,
    )
    assert.equal(
      taken((i) => `[2001:db8::${i.toString(16)}]:4000`),
      100,
    )
    assert.equal(
      taken((i) => `[2001:db8:0:0:${i.toString(16)}::1]:4000`),
      100,
    )
  })

  test('is limited in all', () => {
    assert.equal(
      taken((i) => `192.0.${i >> 8}.${i & 255}:4000`),
      300,
    )
    assert.equal(
      taken((i) => `[2001:db8:0:${i.toString(16)}::1]:4000`),
      300,
    )
  })

  test('without cookies ends when many handshakes are half open', () => {
    const load = new HandshakeLoad(new VirtualClock())
    assert.ok(load.admitsStranger(0))
    assert.ok(!load.admitsStranger(128))
  })
})
