/**
 * What the owner of the machine does, as the host reports it, in the form that HTCondor's startd reads every few seconds.
 *
 * A virtual machine cannot see its host's keyboard: somebody on the host calls `wow condor owner --idle SECONDS` now and
 * then. A report that is old says nothing, and then jobs run.
 */

import { readFileSync, statSync } from 'node:fs'
import * as v from 'valibot'
import { writeWhole } from '../core/files.ts'

/** What is reported: how long nobody touched keyboard or mouse, s, and whether the host runs on battery. */
export interface OwnerReport {
  readonly idleS: number
  readonly onBattery?: boolean | undefined
}

const reportSchema = v.object({ idleS: v.pipe(v.number(), v.minValue(0)), onBattery: v.optional(v.boolean()) })

/** Two missed reports of once a minute, ms. */
const STALE_MS = 150_000

export function writeReport(path: string, report: OwnerReport): void {
  writeWhole(path, `${JSON.stringify(report)}\n`, 0o644)
}

/** The last report as it is by now; undefined when there is none that is fresh. */
export function readReport(path: string, nowMs: number): OwnerReport | undefined {
  try {
    const ageMs = Math.max(0, nowMs - statSync(path).mtimeMs)
    if (ageMs > STALE_MS) return undefined
    const { idleS, onBattery } = v.parse(reportSchema, JSON.parse(readFileSync(path, 'utf8')))
    return { idleS: idleS + Math.round(ageMs / 1000), onBattery }
  } catch {
    return undefined // Nobody reports here, or half a file of somebody else's making: the next report is soon there.
  }
}

/** ClassAd attributes, one a line. */
export function machineAd(report: OwnerReport | undefined, onBattery: boolean): string {
  const idle = report === undefined ? '' : `WOW_OwnerIdle = ${report.idleS}\n`
  return `${idle}WOW_OnBattery = ${(report?.onBattery ?? onBattery) ? 'True' : 'False'}\n`
}
