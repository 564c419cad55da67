import assert from 'node:assert/strict'
import { endianness, type NetworkInterfaceInfo } from 'node:os'
import { describe, test } from 'node:test'
import { parseIp4 } from '../../../agent/core/ip.ts'
import { uplinkIn } from '../../../agent/transport/mapping/uplink.ts'

const HEADER = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'
const ANY = { hiddenInterfaces: [], admits: () => true }

/** An address as the kernel prints it in `/proc/net/route`. */
function word(ip: string): string {
  const bytes = Buffer.from(ip.split('.').map(Number))
  return (endianness() === 'LE' ? bytes.reverse() : bytes).toString('hex').toUpperCase()
}

function route(device: string, gateway: string, { to = '0.0.0.0', flags = '0003', metric = 100 } = {}): string {
  const mask = to === '0.0.0.0' ? '00000000' : word('255.255.255.0')
  return `${device}\t${word(to)}\t${word(gateway)}\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0`
}

function at(...cidrs: string[]): NetworkInterfaceInfo[] {
  return cidrs.map((cidr) => {
    const [address = ''] = cidr.split('/')
    return { address, cidr, netmask: '', mac: '', internal: false, family: 'IPv4' }
  })
}

const HOME = { eth0: at('10.0.0.5/8', '192.168.1.2/24'), wlan0: at('192.168.7.3/24'), wow0: at('10.128.0.9/9') }

const found = (routes: readonly string[], rules: Partial<typeof ANY> = {}) =>
  uplinkIn([HEADER, ...routes, ''].join('\n'), HOME, { ...ANY, ...rules })

describe('the router of a machine', () => {
  test('is the gateway of its default route; the node has the address that is on its network', () => {
    assert.deepEqual(found([route('eth0', '192.168.1.0', { to: '192.168.1.0' }), route('eth0', '192.168.1.1')]), {
      device: 'eth0',
      gateway: parseIp4('192.168.1.1'),
      own: parseIp4('192.168.1.2'),
    })
  })

  test('is that of the route with the least metric', () => {
    const routes = [route('wlan0', '192.168.7.1', { metric: 600 }), route('eth0', '192.168.1.1', { metric: 50 })]
    assert.equal(found(routes)?.device, 'eth0')
  })

  test('is never behind a tap of the overlay, nor at an address that the overlay has', () => {
    assert.equal(found([route('wow0', '10.128.0.1')], { hiddenInterfaces: ['wow0'] } as never), undefined)
    assert.equal(found([route('eth0', '192.168.1.1')], { admits: () => false } as never), undefined)
  })

  test('is on a network of that interface, and not the machine itself', () => {
    assert.equal(found([route('eth0', '172.16.0.1')]), undefined)
    assert.equal(found([route('eth0', '192.168.1.2')]), undefined)
    assert.equal(found([route('eth9', '192.168.1.1')]), undefined)
  })

  test('is none where a route is down, has no gateway, leads elsewhere, or is no route', () => {
    const routes = [
      route('eth0', '192.168.1.1', { flags: '0002' }),
      route('eth0', '192.168.1.1', { flags: '0001' }),
      route('eth0', '192.168.1.1', { to: '192.168.9.0' }),
      'eth0\t00000000\tnonsense\t0003\t0\t0\t0\t00000000',
      'eth0',
    ]
    assert.equal(found(routes), undefined)
    assert.equal(uplinkIn('', {}, ANY), undefined)
  })
})
