import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EMPTY, sha256, utf8 } from '../../agent/core/bytes.ts'
import { MAX_FORWARDED_REQUEST, MAX_FORWARDS_PER_LINK } from '../../agent/overlay/constants.ts'
import { SERVICES } from '../../agent/overlay/overlay.ts'
import { Stranger } from '../fuzz/stranger.ts'
import { clusterOf } from '../sim/cluster.ts'

/** Strangers that flood; each has requests forwarded to one that never answers. */
const CROWD = 6
const FLOOD_MS = 8_000

describe('a node to which strangers send requests to be forwarded', () => {
  test('still has its own forwarded and answered, and waits for no more than their share', async () => {
    const sim = await clusterOf(20, 7)
    const victim = sim.hosts()[2]!
    const strangers = await Promise.all(Array.from({ length: CROWD + 1 }, () => Stranger.at(sim, victim.address)))
    const [silent, ...crowd] = strangers
    assert.ok(silent)
    let forwarded = 0
    for (const stranger of strangers) {
      stranger.onHeard = (frame) => {
        if (frame.kind === 'ping') stranger.send({ kind: 'pong', seen: 0 })
        if (frame.kind === 'request' && stranger === silent) forwarded++
      }
    }
    const request = { target: silent.address, delivery: 'exact', service: SERVICES.tunnel, hops: 1 } as const
    let id = 1
    for (const end = sim.clock.now() + FLOOD_MS; sim.clock.now() < end; ) {
      for (const { address, ...stranger } of crowd.map((one) => ({ address: one.address, one }))) {
        for (let i = 0; i < 50; i++) {
          stranger.one.send({ kind: 'request', id: id++, source: address, patienceMs: 60_000, body: EMPTY, ...request })
        }
      }
      await sim.clock.runFor(100)
    }
    assert.ok(forwarded <= CROWD * MAX_FORWARDS_PER_LINK * 2, `${forwarded} were forwarded`)
    const key = sha256(utf8('key'))
    const { won } = await sim.clock.complete(victim.dht.create(key, utf8('password'), utf8('value'), 60_000))
    assert.ok(won)
    assert.ok(victim.ring.correctlyConnected)
  })

  test('forwards none that is larger than any honest one', async () => {
    const sim = await clusterOf(10, 8)
    const victim = sim.hosts()[2]!
    const target = sim.hosts()[5]!.address
    const stranger = await Stranger.at(sim, victim.address)
    const refusals: string[] = []
    stranger.onHeard = (frame) => {
      if (frame.kind === 'failure') refusals.push(frame.detail)
    }
    const body = new Uint8Array(MAX_FORWARDED_REQUEST + 1)
    const request = { id: 1, source: stranger.address, target, delivery: 'exact', service: SERVICES.tunnel } as const
    stranger.send({ kind: 'request', hops: 1, patienceMs: 5_000, body, ...request })
    await sim.clock.runFor(1_000)
    assert.deepEqual(refusals, ['the request is too large to be forwarded'])
  })
})
