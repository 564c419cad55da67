/** Stories side by side: each worker thread takes the next number until there is none left or one breaks a promise. */

import { parentPort, Worker, workerData } from 'node:worker_threads'
import { explore, type Played } from './explore.ts'

interface Job {
  readonly seed: number
}

/** Most of what a story makes is garbage at once: room for it saves a tenth of the time, MB. */
const YOUNG_MB = 64

/**
 * Plays stories 0 to `count` - 1 on `jobs` threads that run `program`; `onPlayed` is told of each as it ends. Stops
 * handing out numbers when `enough` says so. @throws what a thread threw
 */
export async function playOnThreads(
  options: { program: string; seed: number; count: number; jobs: number; enough: () => boolean },
  onPlayed: (played: Played) => void,
): Promise<void> {
  let next = 0
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(options.program, {
        workerData: { seed: options.seed } satisfies Job,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      })
      const hand = () => {
        if (next < options.count && !options.enough()) worker.postMessage(next++)
        else void worker.terminate()
      }
      worker.on('message', (played: Played) => {
        onPlayed(played)
        hand()
      })
      worker.once('error', reject)
      worker.once('exit', () => resolve())
      hand()
    })
  await Promise.all(Array.from({ length: Math.min(options.jobs, options.count) }, one))
}

/** What a worker thread does; to be called where the program starts. */
export function serveAsWorker(): void {
  const { seed } = workerData as Job
  // Requests that fail are daily bread here; whoever plays a story again sees where its errors came from.
  Error.stackTraceLimit = 0
  parentPort?.on('message', async (number: number) => parentPort?.postMessage(await explore(seed, number)))
}
