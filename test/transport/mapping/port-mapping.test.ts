import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { equal } from '../../../agent/core/bytes.ts'
import { parseIp4 } from '../../../agent/core/ip.ts'
import { udpEndpoint } from '../../../agent/underlay/udp-endpoint.ts'
import { GATEWAY, Home, OWN, PORT } from './router.ts'

const OUTER = '203.0.113.9:4001'
const MINUTE = 60_000
const nonceOf = (request: Uint8Array) => request.subarray(24, 36)
const ofUdp = (requests: readonly Uint8Array[]) => requests.filter((request) => request[36] === 17)

describe('a node behind a router that speaks PCP', () => {
  test('asks for its port over UDP and TCP, and says where others get in', async () => {
    const home = new Home()
    const mapping = await home.started()
    assert.deepEqual(home.told, [OUTER])
    assert.deepEqual(
      [...home.router.mappings],
      [
        [`udp ${PORT}`, 3600],
        [`tcp ${PORT}`, 3600],
      ],
    )
    assert.deepEqual(mapping.facts(), { protocol: 'pcp', udp: OUTER, tcp: OUTER, expiresInS: 3590 })
    assert.deepEqual(home.logged, ['the router lets others in'])
    assert.equal(home.router.asked.length, 2)
  })

  test('renews the mapping after half of its time, by the same nonce, and says nothing new', async () => {
    const home = new Home()
    await home.started()
    await home.clock.runFor(29 * MINUTE)
    assert.equal(home.router.asked.length, 2)
    await home.clock.runFor(MINUTE)
    assert.equal(home.router.asked.length, 4)
    const [first, second] = ofUdp(home.router.asked)
    assert.ok(equal(nonceOf(first!), nonceOf(second!)))
    assert.deepEqual(second!.subarray(56, 60), Uint8Array.of(203, 0, 113, 9), 'it asks for the address that it has')
    assert.deepEqual(home.told, [OUTER])
  })

  test('has other nonces over UDP and TCP, and the same ones after it was killed', async () => {
    const [home, again] = [new Home(), new Home()]
    await home.started()
    await again.started()
    const [udp, tcp] = home.router.asked.map(nonceOf)
    assert.ok(!equal(udp!, tcp!))
    assert.ok(equal(udp!, nonceOf(again.router.asked[0]!)))
  })

  test('has its mappings again after a restart of the router, which is counted', async () => {
    const home = new Home()
    await home.started()
    await home.clock.runFor(20 * MINUTE)
    home.router.restart()
    await home.clock.runFor(11 * MINUTE)
    assert.equal(home.router.mappings.size, 2)
    assert.equal(home.counters.get('router-restarts'), 1)
    await home.clock.runFor(30 * MINUTE)
    assert.equal(home.counters.get('router-restarts'), 1)
  })

  test('has its mappings again two seconds after the router said that it started anew', async () => {
    const home = new Home()
    await home.started()
    await home.clock.runFor(5 * MINUTE)
    home.router.restart()
    for (let i = 0; i < 10; i++) home.announce()
    await home.clock.runFor(2_100)
    assert.equal(home.router.mappings.size, 2)
    assert.equal(home.router.asked.length, 4, 'it asks once')
    assert.equal(home.counters.get('router-restarts'), 1)
    assert.deepEqual(home.told, [OUTER])
    await home.clock.runFor(29 * MINUTE)
    assert.equal(home.router.asked.length, 4)
  })

  test('asks nobody because of what others announce, nor more often than twice a minute', async () => {
    const home = new Home()
    await home.started()
    for (let i = 0; i < 50; i++) home.announce(udpEndpoint('192.168.1.77', 5351))
    await home.clock.runFor(MINUTE)
    assert.equal(home.router.asked.length, 2)
    for (let i = 0; i < 60; i++) {
      home.announce()
      await home.clock.runFor(1_000)
    }
    assert.ok(home.router.asked.length <= 2 + 2 * 2, `${home.router.asked.length} questions`)
  })

  test('says so when the router is elsewhere after a renewal', async () => {
    const home = new Home()
    await home.started()
    home.router.outside = parseIp4('203.0.113.77')!
    await home.clock.runFor(31 * MINUTE)
    assert.deepEqual(home.told, [OUTER, '203.0.113.77:4001'])
  })

  test('gives both ports back when it stops, and closes its sockets', async () => {
    const home = new Home()
    const mapping = await home.started()
    await home.clock.complete(mapping.stop())
    assert.equal(home.router.mappings.size, 0)
    assert.deepEqual([home.sockets.length, home.ears], [0, 0])
    await home.clock.runFor(120 * MINUTE)
    assert.equal(home.router.asked.length, 4, 'and asks for nothing more')
  })

  test('gives its port back when it stops while it asks for the port over TCP', async () => {
    const home = new Home()
    home.router.alter = (answer) => (answer[36] === 6 ? undefined : answer)
    const mapping = home.mapping()
    mapping.start()
    await home.clock.runFor(500)
    assert.equal(home.router.mappings.size, 2)
    await home.clock.complete(mapping.stop())
    assert.deepEqual([...home.router.mappings.keys()], [`tcp ${PORT}`], 'the answer to the other request never came')
  })

  test('stops within half a second when the router does not answer any more', async () => {
    const home = new Home()
    const mapping = await home.started()
    home.router.speaks = 'nothing'
    const before = home.clock.now()
    await home.clock.complete(mapping.stop())
    assert.ok(home.clock.now() - before <= 510)
    assert.equal(home.sockets.length, 0)
  })

  test('gives the mapping up when it cannot be renewed before it ends, and gets it again later', async () => {
    const home = new Home()
    const mapping = await home.started()
    home.router.speaks = 'nothing'
    await home.clock.runFor(45 * MINUTE)
    assert.notEqual(mapping.facts(), undefined)
    await home.clock.runFor(16 * MINUTE)
    assert.equal(mapping.facts(), undefined)
    assert.deepEqual(home.told, [OUTER, undefined])
    home.router.speaks = 'both'
    await home.clock.runFor(21 * MINUTE)
    assert.deepEqual(home.told, [OUTER, undefined, OUTER])
    assert.equal(home.ears, 1)
  })

  test('asks again at once behind another router, and is silent without one', async () => {
    const home = new Home()
    await home.started()
    home.uplink = undefined
    await home.clock.runFor(11_000)
    assert.deepEqual(home.told, [OUTER, undefined])
    assert.deepEqual([home.sockets.length, home.ears], [0, 0])
    await home.clock.runFor(120 * MINUTE)
    assert.equal(home.router.asked.length, 2)
    home.uplink = { device: 'eth1', gateway: GATEWAY, own: OWN }
    await home.clock.runFor(11_000)
    assert.deepEqual(home.told, [OUTER, undefined, OUTER])
  })

  test('is mapped over UDP alone where the router does not map TCP', async () => {
    const home = new Home()
    home.router.alter = (answer) => (answer[36] === 6 ? withByte(answer, 3, 8) : answer)
    const mapping = await home.started()
    assert.deepEqual([mapping.facts()?.udp, mapping.facts()?.tcp], [OUTER, undefined])
  })
})

describe('a node behind a router that maps nothing', () => {
  test('tries each way a few times, says so once, and asks again after ten to twenty minutes', async () => {
    const home = new Home()
    home.router.speaks = 'nothing'
    const mapping = await home.started()
    await home.clock.runFor(10_000)
    assert.deepEqual(
      home.router.asked.map((request) => request[0]),
      [2, 2, 0, 0, 0],
    )
    await home.clock.runFor(9 * MINUTE)
    assert.equal(home.router.asked.length, 5)
    await home.clock.runFor(12 * MINUTE)
    assert.equal(home.router.asked.length, 10)
    assert.deepEqual(home.logged, ['the router maps no port'])
    assert.deepEqual([home.told, mapping.facts(), home.sockets.length], [[], undefined, 0])
  })

  test('does not ask by another way when the owner of the router does not want it', async () => {
    const home = new Home()
    home.router.error = 2
    await home.started()
    assert.equal(home.router.asked.length, 1)
    assert.equal(home.counters.get('asked'), 1)
  })

  test('waits for as long as an error is to last, an hour at most', async () => {
    const home = new Home()
    home.router.error = 8
    home.router.alter = (answer) => {
      new DataView(answer.buffer).setUint32(4, 40 * 60)
      return answer
    }
    await home.started()
    await home.clock.runFor(39 * MINUTE)
    assert.equal(home.router.asked.length, 1)
    await home.clock.runFor(2 * MINUTE)
    assert.equal(home.router.asked.length, 2)
  })

  test('does not believe in an address at which nobody can be', async () => {
    const home = new Home()
    home.router.outside = parseIp4('127.0.0.1')!
    await home.started()
    assert.deepEqual(home.told, [])
  })
})

describe('a node behind a router that speaks NAT-PMP alone', () => {
  test('asks by it as soon as the router says so', async () => {
    const home = new Home()
    home.router.speaks = 'nat-pmp'
    const mapping = home.mapping()
    mapping.start()
    await home.clock.runFor(1_000)
    assert.deepEqual(home.told, [OUTER])
    assert.equal(mapping.facts()?.protocol, 'nat-pmp')
    await home.clock.complete(mapping.stop())
    assert.equal(home.router.mappings.size, 0)
  })

  test('asks by it when the router drops what it does not know', async () => {
    const home = new Home()
    const { router } = home
    router.speaks = 'nat-pmp'
    router.alter = (answer) => (answer.length === 8 ? undefined : answer)
    const mapping = await home.started()
    assert.equal(mapping.facts()?.protocol, 'nat-pmp')
  })

  test('finds out that it started anew', async () => {
    const home = new Home()
    home.router.speaks = 'nat-pmp'
    await home.started()
    await home.clock.runFor(20 * MINUTE)
    home.router.restart()
    await home.clock.runFor(11 * MINUTE)
    assert.equal(home.counters.get('router-restarts'), 1)
    assert.equal(home.router.mappings.size, 2)
  })
})

describe('what is no answer of the router', () => {
  const cases: Readonly<Record<string, { alter: (answer: Uint8Array) => Uint8Array; reason: string }>> = {
    'is short': { alter: (answer) => answer.slice(0, 59), reason: 'malformed' },
    'is long': { alter: (answer) => new Uint8Array([...answer, ...new Uint8Array(1100)]), reason: 'malformed' },
    'is empty': { alter: () => new Uint8Array(), reason: 'malformed' },
    'is a request': { alter: (answer) => withByte(answer, 1, 1), reason: 'malformed' },
    'is of an unknown protocol': { alter: (answer) => withByte(answer, 36, 99), reason: 'malformed' },
    'names an address of IPv6': { alter: (answer) => withByte(answer, 44, 0x20), reason: 'malformed' },
    'names no port': { alter: (answer) => withByte(withByte(answer, 42, 0), 43, 0), reason: 'malformed' },
    'has no time': { alter: (answer) => withByte(withByte(answer, 6, 0), 7, 0), reason: 'malformed' },
    'has another nonce': { alter: (answer) => withByte(answer, 24, answer[24]! ^ 1), reason: 'nonce' },
    'is about another port': { alter: (answer) => withByte(answer, 41, answer[41]! ^ 1), reason: 'other-question' },
    'is about another carrier': { alter: (answer) => withByte(answer, 36, 6), reason: 'other-question' },
  }
  for (const [what, { alter, reason }] of Object.entries(cases)) {
    test(`${what}: it is dropped and counted, and the true one counts`, async () => {
      const home = new Home()
      let turns = 0
      home.router.alter = (answer) => (turns++ === 0 ? alter(answer) : answer)
      await home.started()
      assert.equal(home.counters.get(`drop-${reason}`), 1)
      assert.deepEqual(home.told, [OUTER])
    })
  }

  test('comes from another host: it is dropped and counted', async () => {
    const home = new Home()
    home.router.alter = () => undefined
    const stranger = home.network.host(undefined, '192.168.1.66').socket(5351)
    const mapping = home.mapping()
    mapping.start()
    await home.clock.runFor(100)
    const [request] = home.router.asked
    home.router.alter = (answer) => answer
    stranger.send(home.router.answer(request!)!, udpEndpoint('192.168.1.2', 49_152)!)
    await home.clock.runFor(1_000)
    assert.deepEqual([home.told, home.counters.get('drop-foreign')], [[], 1])
  })

  test('comes twice: the second is dropped and counted', async () => {
    const home = new Home()
    await home.started()
    const [request] = home.router.asked
    home.send(home.router.answer(request!)!)
    await home.clock.runFor(100)
    assert.equal(home.counters.get('drop-unasked'), 1)
  })
})

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const altered = Uint8Array.from(bytes)
  altered[at] = value
  return altered
}
