import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FAN_LIMIT_MS, PROBES_PER_S } from '../../agent/underlay/constants.ts'
import { fanOut, spray } from '../../agent/underlay/socket-fan.ts'
import { ipOf } from '../../agent/underlay/udp-endpoint.ts'
import { HOME_NAT, SYMMETRIC_NAT } from '../../sim/datagram-nat.ts'
import { DatagramNetwork } from '../../sim/datagram-network.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const NONCE = new Uint8Array(16).fill(3)
const NEVER = new AbortController().signal

/** One host behind a NAT that gives each far end another port, one behind a NAT that lets in only whom it has sent to. */
function twoHomes(seed: number) {
  const clock = new VirtualClock()
  const random = new SeededRandom(seed)
  const network = new DatagramNetwork(clock, random.fork())
  network.weather.loss = 0.01
  const open = network.host().socket().endpoint
  const hard = network.nat(SYMMETRIC_NAT)
  const easy = network.nat(HOME_NAT)
  const host = network.host(hard)
  const socket = network.host(easy).socket()
  const to = easy.table.outbound(socket.endpoint, open)!
  const ip = ipOf(hard.table.outbound(host.socket().endpoint, open)!)
  const far = (nonce = NONCE, signal = NEVER) => spray({ socket, ip, nonce, clock, random }, signal)
  const near = (signal = NEVER) => fanOut({ openSocket: async () => host.socket(), to, nonce: NONCE, clock }, signal)
  return { clock, network, host, socket, to, far, near }
}

describe('a fan of sockets behind a NAT that gives each far end another port', () => {
  test('finds a way to a NAT that lets in only whom it has sent to, in 95 of 100 tries and more', async () => {
    let found = 0
    for (let seed = 0; seed < 100; seed++) {
      const { clock, near, far } = twoHomes(seed)
      const over = new AbortController()
      void far(NONCE, over.signal)
      if ((await clock.complete(near(), 2 * FAN_LIMIT_MS)) !== undefined) found++
      over.abort()
    }
    assert.ok(found >= 95, `${found} of 100`)
  })

  test('sends on the socket that it keeps, both ways, and closes the others', async () => {
    const { clock, host, socket, near, far } = twoHomes(7)
    void far()
    const hit = await clock.complete(near(), 2 * FAN_LIMIT_MS)
    assert.ok(hit !== undefined)
    const heard: string[] = []
    socket.onDatagram = (datagram, from) => {
      heard.push(`${datagram}`)
      socket.send(datagram, from)
    }
    hit.socket.onDatagram = (datagram) => heard.push(`again ${datagram}`)
    hit.socket.send(Uint8Array.of(9), hit.from)
    await clock.runFor(1_000)
    assert.deepEqual(heard, ['9', 'again 9'])
    assert.equal(host.openSockets, 2, 'the kept one, and the one that was there before')
  })

  test('sends a hundred small datagrams a second at most, from either side', async () => {
    const { clock, network, near, far } = twoHomes(1)
    // Nothing is found, so both go on to the end.
    network.canTalk = () => false
    const before = network.counters.snapshot()
    void Promise.all([near(), far()])
    await clock.runFor(1_000)
    const after = network.counters.snapshot()
    const sent = (after.sent ?? 0) - (before.sent ?? 0)
    assert.ok(sent <= 2 * (PROBES_PER_S + 1), `${sent} datagrams`)
    assert.equal((after['sent-bytes'] ?? 0) - (before['sent-bytes'] ?? 0), 17 * sent)
  })

  test('takes no probe of another fan for its own', async () => {
    const { clock, near, far } = twoHomes(2)
    void far(new Uint8Array(16).fill(4))
    assert.equal(await clock.complete(near(), 2 * FAN_LIMIT_MS), undefined)
  })

  test('ends when it is told to', async () => {
    const { clock, host, near } = twoHomes(3)
    const over = new AbortController()
    const fan = near(over.signal)
    await clock.runFor(500)
    assert.ok(host.openSockets > 40)
    over.abort()
    assert.equal(await clock.complete(fan, 100), undefined)
    assert.equal(host.openSockets, 1)
  })
})
