/** A lab for a benchmark: refused where it cannot work, and removed when the benchmark ends. */

import { freemem } from 'node:os'
import { WowError } from '../../agent/core/errors.ts'
import { Lab, needLab } from '../../lab/lab.ts'
import { LAB_PACKAGES } from '../../lab/packages.ts'
import { ensurePackages } from '../../scripts/lib/apt.ts'
import { step } from '../../scripts/lib/progress.ts'
import { withNeighbors } from './neighbor-limit.ts'

/** Memory of one node, with room to spare. */
const NODE_BYTES = 120 * 2 ** 20

/** Opens a lab for this many agents. `target`: the make target, for the hint. @throws WowError */
export async function withLab(target: string, agents: number, use: (lab: Lab) => Promise<void>): Promise<void> {
  needLab('The benchmark', target)
  if (freemem() < agents * NODE_BYTES) {
    const need = Math.ceil((agents * NODE_BYTES) / 2 ** 30)
    throw new WowError('MEMORY_LOW', `${agents} nodes need ${need} GiB of free memory.`, 'Ask for fewer nodes.')
  }
  await ensurePackages(LAB_PACKAGES)
  const lab = await Lab.open()
  try {
    await withNeighbors(() => use(lab))
  } finally {
    await step('clean up', async () => lab.close())
  }
}
