import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Mac, parseIp4 } from '../../agent/core/ip.ts'
import { type Fields, SILENT } from '../../agent/core/log.ts'
import { FormerLeases } from '../../agent/lease/former-leases.ts'
import type { ClientId } from '../../agent/lease/lease.ts'
import { LeaseFile, type StoredLease } from '../../agent/lease/lease-store.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'

const LEASE: StoredLease = {
  client: 'hw:020000000001' as ClientId,
  mac: '02:00:00:00:00:01' as Mac,
  ip: parseIp4('10.9.0.1')!,
  password: new Uint8Array(32),
}

/** A disk that takes nothing while `error` is set. */
function brokenDisk(error: unknown) {
  return {
    error,
    saved: [] as readonly StoredLease[],
    load: () => [],
    save(leases: readonly StoredLease[]) {
      if (this.error !== undefined) throw this.error
      this.saved = leases
    },
  }
}

const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })

describe('what is remembered of the clients', () => {
  test('is saved once a full disk takes it; the log says so once, and when it is over', async () => {
    const clock = new VirtualClock()
    const disk = brokenDisk(full)
    const said: [string, Fields?][] = []
    const keep = (message: string, fields?: Fields) =>
      void said.push(fields === undefined ? [message] : [message, fields])
    const former = new FormerLeases({ store: disk, clock, log: { ...SILENT, warn: keep, info: keep } })
    former.set(LEASE)
    await clock.runFor(60_000)
    assert.deepEqual(former.of(LEASE.client), LEASE)
    assert.deepEqual(said, [['the leases could not be saved', { reason: full.message }]])
    disk.error = undefined
    await clock.runFor(20_000)
    assert.deepEqual(disk.saved, [LEASE])
    assert.deepEqual(said.slice(1), [['the leases are saved again']])
  })

  test('is saved in its last state, not in that of the try that failed', async () => {
    const clock = new VirtualClock()
    const disk = brokenDisk(full)
    const former = new FormerLeases({ store: disk, clock, log: SILENT })
    former.set(LEASE)
    disk.error = undefined
    former.forget(LEASE.client, LEASE.ip)
    await clock.runFor(60_000)
    assert.deepEqual(disk.saved, [])
  })

  test('a folder that is gone stops no lease; a fault of our own is not hidden', () => {
    const folder = mkdtempSync(join(tmpdir(), 'wow-leases-'))
    const former = new FormerLeases({
      store: new LeaseFile(join(folder, 'leases.json')),
      clock: new VirtualClock(),
      log: SILENT,
    })
    rmSync(folder, { recursive: true })
    former.set(LEASE)
    assert.deepEqual(former.of(LEASE.client), LEASE)
    const faulty = new FormerLeases({ store: brokenDisk(new TypeError('no')), clock: new VirtualClock(), log: SILENT })
    assert.throws(() => faulty.set(LEASE), TypeError)
  })
})
