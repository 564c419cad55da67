import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lastingEndpoints } from '../../agent/transport/lasting-endpoints.ts'

const PEER = '/p2p/12D3KooWBhGEb1J2X1ijA8D5NHYGU11dhsNH8uceQSv7fKNN2bha'

describe('what is remembered of the endpoints of a peer', () => {
  const lasting = (...endpoints: string[]) => {
    const admits = ({ text }: { text: string }) => !text.includes('127.0.0.1')
    return lastingEndpoints(endpoints, { admits })
  }

  test('is the one of TCP where both kinds are at one host and port', () => {
    const [udp, tcp] = [`/ip4/192.0.2.1/udp/4001${PEER}`, `/ip4/192.0.2.1/tcp/4001${PEER}`]
    assert.deepEqual(lasting(udp, tcp, `/ip4/10.0.0.1/udp/4001${PEER}`), [tcp])
  })

  test('is the best of each kind of a peer behind a NAT', () => {
    const [outer, inner] = [`/ip4/192.0.2.1/udp/5005${PEER}`, `/ip4/192.168.1.2/tcp/4001${PEER}`]
    assert.deepEqual(lasting(outer, inner, `/ip4/192.168.1.2/udp/4001${PEER}`), [outer, inner])
  })

  test('is nothing that may not be dialled, or makes no sense', () => {
    assert.deepEqual(lasting(`/ip4/127.0.0.1/tcp/1${PEER}`, 'nonsense'), [])
    assert.deepEqual(lasting(`/ip4/192.0.2.1/udp/4001${PEER}`), [`/ip4/192.0.2.1/udp/4001${PEER}`])
  })
})
