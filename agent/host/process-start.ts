import { readFileSync } from 'node:fs'

/**
 * When a process started, in kernel ticks (proc(5), field 22); undefined when there is no such process. A process id
 * alone does not identify a process: the kernel may have reused it.
 */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
