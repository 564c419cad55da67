import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatCidr, parseCidr } from '../../agent/core/ip.ts'
import { formatLease, parseLease } from '../../agent/namespace/duration.ts'
import {
  checkOverlap,
  checkPrivate,
  choosePool,
  isWowTap,
  type LocalNetwork,
  localNetworks,
  parsePool,
  parseRoutes,
} from '../../agent/namespace/pool-choice.ts'
import { refusal } from '../refusal.ts'

const ROUTES = [
  'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
  'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
  'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
  'wow0\t0000800A\t00000000\t0001\t0\t0\t0\t000080FF\t0\t0\t0',
  'tun7\t0100000A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0',
].join('\n')

function route(text: string, device = 'eth0'): LocalNetwork {
  return { cidr: parseCidr(text)!, device, kind: 'route' }
}

describe('a pool', () => {
  test('is refused with what is wrong when it is not a usable block', () => {
    const cases: [string, string, RegExp][] = [
      ['lab', 'POOL_INVALID', /not a CIDR block/],
      ['10.0.0.0', 'POOL_INVALID', /not a CIDR block/],
      ['10.0.0.0/33', 'POOL_INVALID', /not a CIDR block/],
      ['10.300.0.0/16', 'POOL_INVALID', /not a CIDR block/],
      ['10.1.2.3/16', 'POOL_INVALID', /host bits/],
      ['10.0.0.0/30', 'POOL_TOO_SMALL', /too small/],
      ['10.0.0.0/32', 'POOL_TOO_SMALL', /too small/],
      ['0.0.0.0/0', 'POOL_TOO_LARGE', /too large/],
    ]
    for (const [text, code, expected] of cases) {
      const error = refusal(() => parsePool(text))
      assert.equal(error.code, code, text)
      assert.match(error.message, expected)
      assert.ok(error.message.includes(text))
    }
    assert.equal(refusal(() => parsePool('10.1.2.3/16')).hint, 'Write 10.1.0.0/16.')
    assert.equal(formatCidr(parsePool('10.128.0.0/9')), '10.128.0.0/9')
    assert.equal(formatCidr(parsePool('192.168.1.8/29')), '192.168.1.8/29')
  })

  test('of public addresses is refused', () => {
    for (const text of ['8.8.8.0/24', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/8', '172.0.0.0/8']) {
      assert.equal(refusal(() => checkPrivate(parseCidr(text)!)).code, 'POOL_NOT_PRIVATE', text)
    }
    for (const text of ['10.0.0.0/8', '172.20.0.0/16', '192.168.3.0/24', '100.64.0.0/10']) {
      checkPrivate(parseCidr(text)!)
    }
  })

  test('that overlaps a route is refused, naming the route and a pool that is free', () => {
    const local = [route('10.128.0.0/16'), route('192.0.2.0/24')]
    for (const text of ['10.128.0.0/9', '10.128.3.0/24', '10.128.0.0/16']) {
      const error = refusal(() => checkOverlap(parseCidr(text)!, local))
      assert.equal(error.code, 'POOL_OVERLAP')
      assert.match(error.message, /overlaps the route 10\.128\.0\.0\/16 of eth0/)
      assert.match(error.hint, /10\.64\.0\.0\/10/)
    }
    checkOverlap(parseCidr('10.0.0.0/16')!, local)
  })

  test('for a namespace that names none is a large free one', () => {
    assert.equal(formatCidr(choosePool([])), '10.128.0.0/9')
    assert.equal(formatCidr(choosePool([route('10.200.0.0/16')])), '10.64.0.0/10')
    assert.equal(formatCidr(choosePool([route('10.0.0.0/8')])), '172.16.0.0/12')
    assert.equal(refusal(() => choosePool([route('0.0.0.0/0')])).code, 'POOL_NONE_FREE')
  })
})

describe('what this machine routes', () => {
  test('is read from the kernel, default routes apart', () => {
    const routes = parseRoutes(ROUTES).map(({ cidr, device }) => `${formatCidr(cidr)} ${device}`)
    assert.deepEqual(routes, ['192.0.2.0/24 eth0', '10.128.0.0/9 wow0', '10.0.0.1/32 tun7'])
  })

  test('leaves out the devices that are to be ignored', () => {
    const devices = new Set(localNetworks((device) => device === 'lo').map(({ device }) => device))
    assert.ok(!devices.has('lo'))
    assert.ok(localNetworks(() => false).some(({ device }) => device === 'lo'))
    assert.ok(isWowTap('wow0') && !isWowTap('eth0') && !isWowTap('wowed'))
  })
})

describe('a lease time', () => {
  test('is read and written as people write it', () => {
    for (const [text, seconds] of [
      ['12h', 43_200],
      ['90m', 5400],
      ['45s', 45],
      ['2d', 172_800],
    ] as const) {
      assert.equal(parseLease(text), seconds)
    }
    assert.equal(parseLease('3600'), 3600)
    assert.equal(formatLease(43_200), '12h')
    assert.equal(formatLease(5400), '90m')
    assert.equal(formatLease(61), '61s')
  })

  test('that is none, too short or too long is refused', () => {
    for (const text of ['', 'soon', '12 parsecs', '-5', '1s', '0', '400d']) {
      assert.equal(refusal(() => parseLease(text)).code, 'LEASE_INVALID', text)
    }
  })
})
