/**
 * A long line: what one of two taps sends, the other gets a while later, in order.
 *
 *   node --import tsx bench/tunnel/line.ts 10
 *
 * The argument is the delay of one direction, ms. The taps `line0` and `line1` are made in the network namespace of this
 * process; whoever started it moves them to the hosts. A frame comes up to `LOOK_MS` late. What this process cannot
 * carry fills the queue of the sending tap, which then drops, as a bottleneck does.
 */

import { KernelTap } from '../../agent/net/tap/kernel-tap.ts'

const MTU = 1_500
/** The shortest time that a timer of Node takes, ms. */
const LOOK_MS = 1

interface Batch {
  readonly due: number
  readonly frames: readonly Uint8Array[]
}

const delayMs = Number(process.argv[2])
const [first, second] = ['line0', 'line1'].map((name) => KernelTap.open({ name, mtu: MTU }))
carry(first!, second!)
carry(second!, first!)
process.stdout.write('ready\n')

function carry(from: KernelTap, to: KernelTap): void {
  let waiting: Batch[] = []
  let armed = false
  const deliver = () => {
    const now = performance.now()
    const early = waiting.findIndex(({ due }) => due > now)
    const ready = waiting.slice(0, early < 0 ? waiting.length : early)
    waiting = early < 0 ? [] : waiting.slice(early)
    for (const frame of ready.flatMap(({ frames }) => frames)) to.write(frame)
    armed = waiting.length > 0
    if (armed) setTimeout(deliver, LOOK_MS)
  }
  from.onFrames = (frames) => {
    waiting.push({ due: performance.now() + delayMs, frames: copied(frames) })
    if (armed) return
    armed = true
    setTimeout(deliver, Math.max(LOOK_MS, Math.floor(delayMs)))
  }
}

/** The frames of one batch, which lie in one piece of memory, in a piece of their own. */
function copied(frames: readonly Uint8Array[]): Uint8Array[] {
  const [start, last] = [frames[0]!, frames.at(-1)!]
  const all = start.buffer.slice(start.byteOffset, last.byteOffset + last.length)
  return frames.map((frame) => new Uint8Array(all, frame.byteOffset - start.byteOffset, frame.length))
}
