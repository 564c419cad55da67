/**
 * Wakes a DHCP client that does not watch the carrier: isc dhclient and udhcpc sleep until half of their lease is over.
 * How to wake one depends on what runs it (`systemctl restart …`, `pkill -USR1 udhcpc`), so the user gives the command.
 */

import { execFile } from 'node:child_process'
import { formatIp4 } from '../core/ip.ts'
import type { Log } from '../core/log.ts'
import type { Lease } from '../lease/lease.ts'
import { giveUpPrecedence } from './precedence.ts'

/** A command that runs longer is killed, ms. */
const LIMIT_MS = 30_000

/** Runs `command` without waiting for it, with WOW_TAP, WOW_IP (the lost address) and WOW_MAC in its environment. */
export function wakeClient(command: string, { tap, lease, log }: { tap: string; lease: Lease; log: Log }): void {
  const env = { ...process.env, WOW_TAP: tap, WOW_IP: formatIp4(lease.ip), WOW_MAC: lease.mac }
  const child = execFile('/bin/sh', ['-c', command], { env, timeout: LIMIT_MS }, (error, _stdout, stderr) => {
    if (error === null) log.info('the DHCP client was told to ask again', { command })
    else
      log.warn('the DHCP client could not be told', { command, code: error.code, reason: stderr.trim().slice(0, 500) })
  })
  giveUpPrecedence(child.pid)
}
