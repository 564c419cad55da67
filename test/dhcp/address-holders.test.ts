import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { OPTION } from '../../agent/dhcp/options.ts'
import { ip } from '../net/lab.ts'
import { MAC, option, SERVER, setUp } from './conversation.ts'

describe('a client that comes back', () => {
  test('after a reboot keeps its address', async () => {
    const { say, bind } = setUp()
    const address = await bind()
    const answer = await say('request', { xid: 4, requested: address })
    assert.deepEqual([answer?.packet.type, answer?.packet.yiaddr], ['ack', address])
  })

  test('from another network, or to an address that somebody else took, is refused', async () => {
    const { say, taken } = setUp()
    assert.equal((await say('request', { requested: ip('192.168.1.4') }))?.packet.type, 'nak')
    taken.set(ip('10.128.3.3'), 'another node')
    assert.equal((await say('request', { xid: 2, requested: ip('10.128.3.3') }))?.packet.type, 'nak')
  })
})

describe('a client that renews', () => {
  test('is answered at its address, for no longer than the DHT granted', async () => {
    const { say, bind, clock, leases, bound } = setUp()
    const address = await bind()
    await clock.runFor(1_800_000)
    const answer = await say('request', { xid: 8, ciaddr: address })
    assert.equal(answer?.packet.type, 'ack')
    assert.deepEqual([answer.toMac, answer.to, answer.packet.ciaddr], [MAC, address, address])
    const left = ((leases.holder(address)?.expiresAt ?? 0) - clock.now()) / 1000
    assert.ok((option(answer, OPTION.leaseTime) ?? Infinity) <= left + 0.02)
    assert.equal(bound.at(-1)?.renewal, true)
  })

  test('gets silence while nobody can say whose the address is, and an answer when it asks again later', async () => {
    const { say, bind, clock, leases, answers } = setUp()
    const address = await bind()
    leases.failure = 'unavailable'
    const before = answers.length
    await say('request', { xid: 8, ciaddr: address })
    await clock.runFor(60_000)
    assert.equal(answers.length, before)
    leases.failure = undefined
    assert.equal((await say('request', { xid: 9, ciaddr: address }))?.packet.type, 'ack')
  })

  test('is refused when another node holds the address', async () => {
    const { say, bind, taken } = setUp()
    const address = await bind()
    taken.set(address, 'another node')
    assert.equal((await say('request', { xid: 8, ciaddr: address }))?.packet.type, 'nak')
  })

  test('is refused once after the lease was lost, whatever the DHT would say now', async () => {
    const { say, bind, leases, server } = setUp()
    const address = await bind()
    const lease = leases.holder(address)
    assert.ok(lease)
    server.leaseLost(lease)
    assert.equal((await say('request', { xid: 8, ciaddr: address }))?.packet.type, 'nak')
    assert.equal((await say('request', { xid: 9, ciaddr: address }))?.packet.type, 'ack')
  })
})

describe('a client that leaves', () => {
  test('gives its address back with RELEASE, without an answer', async () => {
    const { say, bind, leases } = setUp()
    const address = await bind()
    assert.equal(await say('release', { xid: 2, ciaddr: address, server: SERVER }), undefined)
    assert.equal(leases.holder(address), undefined)
  })

  test('that found the address in use is not given it again after DECLINE', async () => {
    const { say, bind } = setUp()
    const address = await bind()
    assert.equal(await say('decline', { xid: 2, requested: address, server: SERVER }), undefined)
    assert.notEqual(await bind({ xid: 3 }), address)
  })
})

test('INFORM is answered with the facts of the network and neither address nor times', async () => {
  const { say } = setUp({ ready: false })
  const answer = await say('inform', { ciaddr: ip('10.128.4.4') })
  assert.equal(answer?.packet.type, 'ack')
  assert.equal(answer.packet.yiaddr, 0)
  assert.equal(answer.to, ip('10.128.4.4'))
  assert.equal(option(answer, OPTION.leaseTime), undefined)
  assert.equal(option(answer, OPTION.interfaceMtu), 1400)
})
