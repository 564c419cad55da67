/**
 * Who gets a processor first on a busy machine: this thread, which decides, before those that carry packets (`NICENESS` in
 * agent/native/reader.c), and these before everybody else. With fifty peers at two processors, decisions that waited for the
 * packets came seconds late, and half of the connections did not begin.
 */

import { setPriority } from 'node:os'

/** Above that of the packets' threads; seldom runs for long. */
const NICENESS = -18

/** Without the right (CAP_SYS_NICE) the agent is as patient as others. */
export function takePrecedence(): void {
  setNiceness(process.pid, NICENESS)
}

/** A child begins with this thread's precedence; what it runs is no part of the agent. */
export function giveUpPrecedence(child: number | undefined): void {
  if (child !== undefined) setNiceness(child, 0)
}

function setNiceness(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness)
  } catch {
    // Not permitted, or the child has ended.
  }
}
