/**
 * The machine owner's activity, as the host reports it, in the form that HTCondor's startd reads every few seconds.
 *
 * A virtual machine cannot see its host's keyboard, so the host must call `wow condor owner --idle SECONDS` now and
 * then. An old report counts as none, and then jobs run.
 */

import { readFileSync, statSync } from 'node:fs'
import * as v from 'valibot'
import { writeWhole } from '../core/files.ts'

/** How long keyboard and mouse have been idle, s, and whether the host runs on battery. */
export interface OwnerReport {
  readonly idleS: number
  readonly onBattery?: boolean | undefined
}

const reportSchema = v.object({ idleS: v.pipe(v.number(), v.minValue(0)), onBattery: v.optional(v.boolean()) })

/** A report older than this, ms, is old: two reports, one a minute, were missed. */
const STALE_MS = 150_000

export function writeReport(path: string, report: OwnerReport): void {
  writeWhole(path, `${JSON.stringify(report)}\n`, 0o644)
}

/** The last report, with `idleS` brought up to now; undefined when there is no fresh one. */
export function readReport(path: string, nowMs: number): OwnerReport | undefined {
  try {
    const ageMs = Math.max(0, nowMs - statSync(path).mtimeMs)
    if (ageMs > STALE_MS) return undefined
    const { idleS, onBattery } = v.parse(reportSchema, JSON.parse(readFileSync(path, 'utf8')))
    return { idleS: idleS + Math.round(ageMs / 1000), onBattery }
  } catch {
    return undefined // No report, or one that another program wrote in part: the next report follows soon.
  }
}

/** ClassAd attributes, one a line. */
export function machineAd(report: OwnerReport | undefined, onBattery: boolean): string {
  const idle = report === undefined ? '' : `WOW_OwnerIdle = ${report.idleS}\n`
  return `${idle}WOW_OnBattery = ${(report?.onBattery ?? onBattery) ? 'True' : 'False'}\n`
}
