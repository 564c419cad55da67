/** Plays stories in parallel: each worker thread takes the next number until none is left or the run has had enough. */

import { parentPort, Worker, workerData } from 'node:worker_threads'
import { type Choice, explore, type Played } from './explore.ts'

interface Job {
  readonly seed: number
  readonly choice: Choice
}

/** V8's young generation, MB: most of a story's objects die young, and room for them saves a tenth of the time. */
const YOUNG_MB = 64

/**
 * Plays stories 0 to `count` - 1 on `jobs` threads that run `program`, and calls `onPlayed` as each ends. Starts no
 * more stories once `enough` returns true. @throws what a thread threw
 */
export async function playOnThreads(
  options: Job & { program: string; count: number; jobs: number; enough: () => boolean },
  onPlayed: (played: Played) => void,
): Promise<void> {
  let next = 0
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(options.program, {
        workerData: { seed: options.seed, choice: options.choice } satisfies Job,
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

/** Runs a worker thread; call it where the program starts. */
export function serveAsWorker(): void {
  const { seed, choice } = workerData as Job
  // Requests fail all the time here, so errors carry no stack; a replay shows where they came from.
  Error.stackTraceLimit = 0
  parentPort?.on('message', async (number: number) => parentPort?.postMessage(await explore(seed, number, choice)))
}
