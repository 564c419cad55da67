import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Mac } from '../../agent/core/ip.ts'
import { ip } from '../net/lab.ts'
import { MAC, message, setUp } from './conversation.ts'

describe('messages that come', () => {
  test('before the ring is ready wait, the latest of each client, and are answered at once then', async () => {
    const { clock, server, answers, leases } = setUp({ ready: false })
    const second = '02:aa:00:00:00:02' as Mac
    server.receive(message('discover', { xid: 1 }))
    server.receive(message('discover', { xid: 2 }))
    server.receive(message('discover', { xid: 3, mac: second }))
    await clock.runFor(10_000)
    assert.deepEqual(leases.calls, [])
    server.setReady(true)
    await clock.runFor(1)
    assert.deepEqual(
      answers.map(({ packet, toMac }) => [packet.xid, toMac]),
      [
        [2, MAC],
        [3, second],
      ],
    )
  })

  test('twice while the first is in work are worked once', async () => {
    const { clock, server, answers, leases } = setUp()
    leases.delayMs = 300
    for (let i = 0; i < 4; i++) {
      server.receive(message('discover', { xid: 6 }))
      await clock.runFor(50)
    }
    await clock.runFor(5000)
    assert.equal(answers.length, 1)
    assert.deepEqual(leases.calls, ['offer'])
  })

  test('while another of the same client is in work follow it, the latest only', async () => {
    const { clock, server, answers, leases } = setUp()
    leases.delayMs = 300
    for (const xid of [1, 2, 3]) server.receive(message('discover', { xid }))
    await clock.runFor(5000)
    assert.deepEqual(
      answers.map(({ packet }) => packet.xid),
      [1, 3],
    )
  })

  test('from a relay, from a server, or malformed are dropped and counted', async () => {
    const { say, counters, server } = setUp()
    assert.equal(await say('discover', { giaddr: ip('10.1.1.1') }), undefined)
    assert.equal(await say('offer'), undefined)
    assert.equal(await say('request'), undefined)
    server.receive(new Uint8Array(50))
    assert.deepEqual(
      ['dhcp-relayed', 'dhcp-type', 'dhcp-options', 'dhcp-short'].map((reason) => counters.get(`drop-${reason}`)),
      [1, 1, 1, 1],
    )
  })

  test('and make the leases throw leave the server able to serve the next', async () => {
    const { say, leases, counters } = setUp()
    const offer = leases.offer.bind(leases)
    leases.offer = () => Promise.reject(new Error('broken'))
    assert.equal(await say('discover'), undefined)
    assert.equal(counters.get('drop-dhcp-failed'), 1)
    leases.offer = offer
    assert.equal((await say('discover', { xid: 2 }))?.packet.type, 'offer')
  })
})
