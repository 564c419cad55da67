/**
 * The program `build/sim.cjs`, which `wow sim` runs: plays random stories of faults, or replays one story. Its only
 * argument is the options as JSON.
 *
 * Guarantees that the same seed plays the same stories on any number of threads. The exit code is 0 only when every
 * promise was kept.
 */

import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { isMainThread } from 'node:worker_threads'
import * as v from 'valibot'
import { EXIT_FAILED, print, printJson, reportError, warn } from '../agent/cli/output.ts'
import { InputError, messageOf } from '../agent/core/errors.ts'
import { type Failure, type Played, violationsOf } from './explore.ts'
import { reportFailure } from './report.ts'
import { storySchema } from './story-schema.ts'
import { playOnThreads, serveAsWorker } from './workers.ts'

const atLeastOne = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)))

const optionsSchema = v.object({
  stories: atLeastOne,
  seed: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  jobs: atLeastOne,
  hours: atLeastOne,
  replay: v.optional(v.string()),
  /** A tenth of the hosts lies. */
  liars: v.optional(v.boolean(), false),
  /** All stories are over UDP. */
  udp: v.optional(v.boolean(), false),
  json: v.optional(v.boolean(), false),
})
type SimOptions = v.InferOutput<typeof optionsSchema>

const DEFAULT_STORIES = 100
const DEFAULT_SEED = 1
/** How often a long run reports its progress, ms. */
const PROGRESS_MS = 10_000
const HOUR_MS = 3_600_000

interface Sums {
  stories: number
  hosts: number
  virtualMs: number
  frames: number
  wholeAfterMaxMs: number
  /** See `Ending.unkept`. */
  unkept: Record<string, number>
}

async function playMany(options: SimOptions): Promise<void> {
  const seed = options.seed ?? DEFAULT_SEED
  const endless = options.hours !== undefined && options.stories === undefined
  const count = endless ? Number.MAX_SAFE_INTEGER : (options.stories ?? DEFAULT_STORIES)
  const jobs = options.jobs ?? availableParallelism()
  const startedAt = performance.now()
  const lateMs = options.hours === undefined ? Number.POSITIVE_INFINITY : options.hours * HOUR_MS
  const sums: Sums = { stories: 0, hosts: 0, virtualMs: 0, frames: 0, wholeAfterMaxMs: 0, unkept: {} }
  const digests: string[] = []
  let failure: Failure | undefined
  let saidAt = startedAt
  const onPlayed = ({ number, ending, failure: failed }: Played) => {
    failure ??= failed
    digests[number] = ending?.framesDigest ?? ''
    sums.stories++
    sums.hosts += ending?.hosts ?? 0
    sums.virtualMs += ending?.virtualMs ?? 0
    sums.frames += ending?.frames ?? 0
    sums.wholeAfterMaxMs = Math.max(sums.wholeAfterMaxMs, ending?.wholeAfterMs ?? 0)
    for (const promise of ending?.unkept ?? []) sums.unkept[promise] = (sums.unkept[promise] ?? 0) + 1
    if (performance.now() - saidAt < PROGRESS_MS) return
    saidAt = performance.now()
    warn(`${sums.stories}${endless ? '' : ` of ${count}`} stories after ${seconds(saidAt - startedAt)} s`)
  }
  const enough = () => failure !== undefined || performance.now() - startedAt > lateMs
  const { liars, udp } = options
  await playOnThreads({ program: process.argv[1]!, seed, count, jobs, enough, choice: { liars, udp } }, onPlayed)
  const tookMs = performance.now() - startedAt
  const framesDigest = createHash('sha256').update(digests.join('\n')).digest('hex')
  if (options.json)
    printJson({ ok: failure === undefined, seed, ...sums, framesDigest, tookMs, failure: failure ?? null })
  else print(failure === undefined ? summary(sums, framesDigest, tookMs) : reportFailure(failure, seed))
  if (failure !== undefined) process.exitCode = EXIT_FAILED
}

function summary(sums: Sums, framesDigest: string, tookMs: number): string {
  const { stories, hosts, virtualMs, frames, wholeAfterMaxMs, unkept } = sums
  return [
    `${stories} stories, ${hosts} hosts at their ends, ${(virtualMs / HOUR_MS).toFixed(1)} hours of their time, ${(frames / 1e6).toFixed(1)} million frames and datagrams: every promise kept.`,
    `The ring was whole again ${seconds(wholeAfterMaxMs)} s after the last fault at the latest. It took ${seconds(tookMs)} s.`,
    ...Object.entries(unkept).map(([promise, times]) => `Among liars ${promise} was not kept in ${times} stories.`),
    `Digest of their frames: ${framesDigest.slice(0, 16)}.`,
  ].join('\n')
}

async function replay(text: string, json: boolean): Promise<void> {
  const story = parseStory(text)
  const violations = await violationsOf(story)
  if (json) printJson({ ok: violations.length === 0, violations })
  else if (violations.length === 0) print('Every promise kept.')
  else print(violations.map((violation) => `broken ${violation}`).join('\n'))
  if (violations.length > 0) process.exitCode = EXIT_FAILED
}

function parseStory(text: string) {
  try {
    return v.parse(storySchema, JSON.parse(text))
  } catch (error) {
    throw new InputError(
      'STORY_MALFORMED',
      `--replay is no story: ${messageOf(error)}.`,
      'Give the line of JSON that a failing `wow sim` prints.',
    )
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}

/** @throws InputError that names the option */
function parseOptions(text: string): SimOptions {
  const { success, output, issues } = v.safeParse(optionsSchema, JSON.parse(text))
  if (success) return output
  const [issue] = issues
  throw new InputError('USAGE', `--${v.getDotPath(issue)}: ${issue.message}.`, 'See `wow sim --help`.')
}

async function main(): Promise<void> {
  const text = process.argv[2] ?? '{}'
  try {
    const options = parseOptions(text)
    if (options.replay === undefined) await playMany(options)
    else await replay(options.replay, options.json)
  } catch (error) {
    process.exitCode = reportError(error, text.includes('"json":true'))
  }
}

if (isMainThread) void main()
else serveAsWorker()
