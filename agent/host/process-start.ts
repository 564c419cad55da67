import { readFileSync } from 'node:fs'

/**
 * When a process started, in the kernel's ticks (proc(5), field 22); undefined when there is no such process. Its id alone
 * names nobody: it may have been given away again.
 */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
