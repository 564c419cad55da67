import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { codeOf } from '../../../agent/core/errors.ts'
import type { Mac } from '../../../agent/core/ip.ts'
import { checkTap, KernelTap } from '../../../agent/net/tap/kernel-tap.ts'
import { JsonChild, kernelMissing, Netns } from '../netns.ts'

const codeFrom = (action: () => void): string | undefined => {
  try {
    action()
    return undefined
  } catch (error) {
    return codeOf(error)
  }
}

describe('a tap that cannot be made is refused in one sentence:', () => {
  test('a name that is none', () => {
    for (const name of ['', 'a b', 'wow/0', 'wow:0', 'wow%d', '..', 'a-name-too-long-0', 'größere-namen-x']) {
      assert.equal(
        codeFrom(() => checkTap({ name })),
        'TAP_NAME',
        name,
      )
    }
  })

  test('an MTU out of range', () => {
    for (const mtu of [0, 575, 65_522, 1400.5, Number.NaN]) {
      assert.equal(
        codeFrom(() => checkTap({ name: 'wow0', mtu })),
        'TAP_MTU',
        String(mtu),
      )
    }
  })

  test('a MAC that is none, or a group', () => {
    for (const mac of ['1:2:3:4:5:6', '01:00:00:00:00:01', 'zz:00:00:00:00:01']) {
      assert.equal(
        codeFrom(() => checkTap({ name: 'wow0', mac: mac as Mac })),
        'TAP_MAC',
        mac,
      )
    }
  })

  test('a name that an interface has already', { skip: kernelMissing() }, () => {
    assert.equal(
      codeFrom(() => checkTap({ name: 'lo' })),
      'TAP_NAME_TAKEN',
    )
    assert.equal(
      codeFrom(() => KernelTap.open({ name: 'lo' })),
      'TAP_NAME_TAKEN',
    )
  })

  test('no right to make interfaces', { skip: kernelMissing('setpriv') }, () => {
    const script = `import { checkTap, KernelTap } from './agent/net/tap/kernel-tap.ts'
      for (const make of [checkTap, KernelTap.open]) {
        try { make({ name: 'wowb-none' }) } catch (error) { process.stdout.write(error.code + ' ') }
      }`
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script]
    const said = execFileSync('setpriv', ['--bounding-set=-net_admin', '--inh-caps=-net_admin', ...node])
    assert.equal(said.toString(), 'TAP_NO_RIGHTS TAP_NO_RIGHTS ')
  })
})

describe('a tap in the kernel', { skip: kernelMissing('ping') }, () => {
  let ns: Netns
  let host: JsonChild

  before(async () => {
    ns = new Netns()
    const options = JSON.stringify({ taps: ['wow0'], leaseMs: 60_000 })
    host = new JsonChild(ns.spawn(process.execPath, '--import', 'tsx', 'test/net/tap-host.ts', options))
    await host.event(({ event }) => event === 'up')
  })
  after(async () => {
    await host.end()
    ns.remove()
  })

  const link = () =>
    ns.run('ip', '-o', 'addr', 'show', 'dev', 'wow0') + ns.run('ip', '-o', 'link', 'show', 'dev', 'wow0')

  test('is up, has its MTU, and no IPv6 address of its own', () => {
    assert.match(link(), /[<,]UP[,>]/)
    assert.match(link(), /mtu 1400/)
    assert.doesNotMatch(link(), /inet6/)
  })

  test('carries frames both ways: the service address answers ARP and ping', () => {
    ns.run('ip', 'addr', 'add', '10.128.0.9/16', 'dev', 'wow0')
    assert.ok(ns.succeeds('ping', '-c', '3', '-i', '0.2', '-W', '2', '10.128.0.1'))
    assert.match(ns.run('ip', 'neigh', 'show', '10.128.0.1'), /02:57:4f:57:00:01/)
    ns.run('ip', 'addr', 'flush', 'dev', 'wow0')
  })

  test('passes duplicate address detection for any free address', { skip: kernelMissing('busybox') }, () => {
    assert.ok(ns.succeeds('busybox', 'arping', '-D', '-c', '2', '-w', '3', '-I', 'wow0', '10.128.0.9'))
  })

  test('goes with a worker thread that exits without closing it', () => {
    const script = `const { Worker } = require('node:worker_threads')
      const body = "const tap = require('./build/tap.node'); tap.openTap(tap.createLanes(new Uint8Array(6)), 'wow9', 1400, undefined, () => {}, () => {}); setTimeout(() => process.exit(), 50)"
      new Worker(body, { eval: true }).on('exit', () => process.stdout.write(require('node:fs').readFileSync('/proc/net/dev', 'utf8')))`
    const devices = ns.run(process.execPath, '-e', script)
    assert.match(devices, /wow0:/)
    assert.doesNotMatch(devices, /wow9:/)
  })

  test('says so when somebody deletes it, and ends with its process', async () => {
    ns.run('ip', 'link', 'delete', 'wow0')
    const gone = await host.event(({ event }) => event === 'gone')
    assert.equal(gone.tap, 'wow0')
    await host.end()
  })
})
