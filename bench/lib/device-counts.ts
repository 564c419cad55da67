/** What a network interface has carried so far, in the network namespace of a process (proc(5), net/dev). */

import { readFileSync } from 'node:fs'

export interface Count {
  readonly bytes: number
  readonly packets: number
}

/** @throws when the process sees no such interface */
export function deviceCounts(pid: number, device: string): { readonly received: Count; readonly sent: Count } {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'utf8').split('\n')
  const line = lines.find((one) => one.trimStart().startsWith(`${device}:`))
  if (line === undefined) throw new Error(`process ${pid} sees no interface ${device}`)
  const fields = line.replace(/^.*:/, '').trim().split(/\s+/).map(Number)
  const count = (at: number): Count => ({ bytes: fields[at] ?? 0, packets: fields[at + 1] ?? 0 })
  return { received: count(0), sent: count(8) }
}
