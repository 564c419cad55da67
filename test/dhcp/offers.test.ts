import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { OPTION } from '../../agent/dhcp/options.ts'
import { ip } from '../net/lab.ts'
import { MAC, message, NONE, option, SERVER, setUp } from './conversation.ts'

describe('a client without an address', () => {
  test('is offered one, and gets it with the times and facts of the network', async () => {
    const { say, bound } = setUp()
    const offer = await say('discover', { xid: 77 })
    assert.equal(offer?.packet.type, 'offer')
    assert.equal(offer.packet.xid, 77)
    assert.equal(option(offer, OPTION.serverId), SERVER)
    const address = offer.packet.yiaddr
    const ack = await say('request', { requested: address, server: SERVER })
    assert.equal(ack?.packet.type, 'ack')
    assert.equal(ack.packet.yiaddr, address)
    assert.equal(option(ack, OPTION.leaseTime), 3600)
    assert.equal(option(ack, OPTION.renewalTime), 1800)
    assert.equal(option(ack, OPTION.rebindingTime), 3150)
    assert.equal(option(ack, OPTION.subnetMask), ip('255.255.0.0'))
    assert.equal(option(ack, OPTION.broadcastAddress), ip('10.128.255.255'))
    assert.equal(option(ack, OPTION.interfaceMtu), 1400)
    assert.equal(Buffer.from(ack.packet.options.get(OPTION.domainName) ?? []).toString(), 'lab.wow')
    assert.deepEqual(
      [3, 6, 33, 121].filter((code) => ack.packet.options.has(code)),
      [],
      'no router, no DNS, no routes',
    )
    assert.deepEqual(
      bound.map(({ lease, tried, renewal }) => [lease.ip, tried, renewal]),
      [[address, 1, false]],
    )
  })

  test('is answered at its MAC, or by broadcast if it asks for that', async () => {
    const { say } = setUp()
    const direct = await say('discover')
    assert.deepEqual([direct?.toMac, direct?.to], [MAC, direct?.packet.yiaddr])
    const wide = await say('discover', { xid: 2, broadcast: true })
    assert.deepEqual([wide?.toMac, wide?.to], ['ff:ff:ff:ff:ff:ff', 0xffffffff])
  })

  test('gets its former address again, and one that it asks for when it is free', async () => {
    const { say, bind } = setUp()
    assert.equal((await say('discover', { requested: ip('10.128.7.7') }))?.packet.yiaddr, ip('10.128.7.7'))
    const address = await bind({ xid: 5 })
    assert.equal(address, ip('10.128.7.7'))
    assert.equal((await say('discover', { xid: 9 }))?.packet.yiaddr, address)
  })

  test('is never offered a reserved address, even when it asks for one', async () => {
    const { say } = setUp()
    for (const wanted of ['10.128.0.0', '10.128.0.1', '10.128.255.255', '192.168.0.9']) {
      const offer = await say('discover', { xid: ip(wanted), requested: ip(wanted) })
      assert.notEqual(offer?.packet.yiaddr, ip(wanted))
    }
  })

  test('that shares a MAC but not an identifier gets an address of its own, and its identifier back', async () => {
    const { bind, say } = setUp()
    const one = await bind({ clientId: Uint8Array.of(0, 1) })
    const two = await bind({ clientId: Uint8Array.of(0, 2) })
    assert.notEqual(one, two)
    const offer = await say('discover', { xid: 3, clientId: Uint8Array.of(0, 1) })
    assert.deepEqual([...(offer?.packet.options.get(OPTION.clientId) ?? [])], [0, 1])
    assert.equal(offer?.packet.yiaddr, one)
  })

  test('gets silence, and the user a reason, when the pool is exhausted', async () => {
    const { say, leases, server, clock } = setUp()
    leases.failure = 'pool-exhausted'
    assert.equal(await say('discover'), undefined)
    assert.equal(server.problem, 'pool-exhausted')
    leases.failure = undefined
    await say('discover', { xid: 2 })
    await clock.runFor(10)
    assert.equal(server.problem, undefined)
  })

  test('that found the pool exhausted is answered without asking again when a lease has ended', async () => {
    const { leases, server, clock, answers } = setUp()
    leases.failure = 'pool-exhausted'
    server.receive(message('discover', { xid: 5 }))
    await clock.runFor(10_000)
    assert.equal(answers.length, 0)
    leases.failure = undefined
    await clock.runFor(2_100)
    assert.deepEqual(
      answers.map(({ packet }) => [packet.type, packet.xid]),
      [['offer', 5]],
    )
    assert.equal(server.problem, undefined)
  })

  test('that found the pool exhausted and gave up gets no late answer', async () => {
    const { leases, server, clock, answers } = setUp()
    leases.failure = 'pool-exhausted'
    server.receive(message('discover'))
    await clock.runFor(70_000)
    leases.failure = undefined
    await clock.runFor(70_000)
    assert.equal(answers.length, 0)
  })

  test('is answered although the DHT has no majority at first', async () => {
    const { clock, leases, server, answers } = setUp()
    leases.failure = 'unavailable'
    server.receive(message('discover'))
    await clock.runFor(500)
    assert.equal(answers.length, 0)
    leases.failure = undefined
    await clock.runFor(3000)
    assert.equal(answers.length, 1)
  })

  test('that takes the offer of another server gives ours back', async () => {
    const { say, leases } = setUp()
    const offer = await say('discover')
    assert.equal(await say('request', { requested: ip('10.9.9.9'), server: ip('10.9.9.1') }), undefined)
    assert.equal(leases.holder(offer?.packet.yiaddr ?? NONE), undefined)
  })

  test('is refused when its offer was lost in the meantime, so that it starts over', async () => {
    const { say, taken } = setUp()
    const address = (await say('discover'))?.packet.yiaddr ?? NONE
    taken.set(address, 'another node')
    const answer = await say('request', { requested: address, server: SERVER })
    assert.equal(answer?.packet.type, 'nak')
    assert.deepEqual([answer.toMac, answer.to, answer.packet.broadcast], ['ff:ff:ff:ff:ff:ff', 0xffffffff, true])
  })
})
