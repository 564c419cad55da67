import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Ip4, Mac } from '../../agent/core/ip.ts'
import { Lab } from '../net/lab.ts'
import { udpFrame } from '../packet/frames.ts'
import { MAC, message, NONE, readFrame } from './conversation.ts'

describe('on a tap', () => {
  test('a DISCOVER is answered on the tap, and nothing of it reaches the overlay', async () => {
    const lab = new Lab()
    const host = lab.host('10.128.0.5')
    host.network.setReady()
    host.tap.inject(
      udpFrame(
        { mac: MAC, ip: NONE, port: 68 },
        { mac: 'ff:ff:ff:ff:ff:ff' as Mac, ip: 0xffffffff as Ip4, port: 67 },
        message('discover'),
      ),
    )
    await lab.clock.runFor(100)
    const [frame] = host.tap.take()
    assert.ok(frame)
    assert.equal(readFrame(frame).packet.type, 'offer')
    assert.deepEqual(lab.world.sent, [])
  })

  test('a lost lease bounces the carrier, and is known as lost until its client has another', async () => {
    const lab = new Lab()
    const host = lab.host('10.128.0.5')
    const lost: Ip4[] = []
    host.network.onLost = (lease) => lost.push(lease.ip)
    host.leases.lose(host.ip)
    await lab.clock.runFor(2000)
    assert.deepEqual(host.tap.carrier, [false, true])
    assert.deepEqual(lost, [host.ip])
    assert.deepEqual(host.network.lost, [host.ip])
  })
})
