#!/usr/bin/env node
/**
 * `build/wow.mjs`, what everything calls: runs the program beside it, `wow.cjs`, from code that V8 compiled before.
 *
 * Compiling was half of an agent's start, and in a machine emulated by QEMU many seconds of it. `wow.cache` is V8's code
 * cache of the whole program. It is used only if it is of this very program, undamaged, and of this Node: V8 checks its
 * own version and flags, but of the program only the length, and a damaged cache is the end of the process. Without a
 * fitting cache the program is compiled as ever and only starts more slowly, until somebody calls
 *
 *     WOW_CODE_CACHE=write node wow.mjs
 *
 * as the build does for its own Node and for an appliance's. The agent never does that of itself: a program that writes
 * to the folder it runs from is a surprise.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'
import * as zlib from 'node:zlib'
import { messageOf } from '../core/errors.ts'
import { writeWhole } from '../core/files.ts'

/** What `wow.cjs` evaluates to; `bundleUrl` is its `import.meta.url`. */
type Program = (require: NodeJS.Require, bundleUrl: string) => void

const PROGRAM = fileURLToPath(new URL('wow.cjs', import.meta.url))
const CACHE = fileURLToPath(new URL('wow.cache', import.meta.url))
/** The program's first line: `// ` and its SHA-256 in hex, by scripts/build.mjs. */
const NAME_LENGTH = '// '.length + 64
/**
 * V8 doubles the space for young objects when much is allocated, up to 48 MB, and seldom takes it back. Left at the 1 MB that
 * it begins with, packets are carried as fast (measured with iperf3 over two agents), for that fits a processor's cache.
 */
const KEEP_YOUNG_SPACE_SMALL = '--semi-space-growth-factor=1'
/** A cache begins with the checksum in hex; eight bytes, because V8 copies data that is not aligned. */
const CHECKSUM_LENGTH = 8

const require = createRequire(import.meta.url)

/** The build escapes what is not ASCII: one byte a character is the quickest to read and to keep. */
function readProgram(): string {
  try {
    return readFileSync(PROGRAM, 'latin1')
  } catch (error) {
    console.error(`wow: ${messageOf(error)}`)
    console.error('wow: wow.mjs needs the files that were built with it: run `node scripts/build.mjs --force`.')
    process.exit(1)
  }
}

/** Ties the data to the program that they were made of. */
function checksum(program: string, data: Uint8Array): string {
  return zlib
    .crc32(data, zlib.crc32(program.slice(0, NAME_LENGTH)))
    .toString(16)
    .padStart(CHECKSUM_LENGTH, '0')
}

function readCache(program: string): Buffer | undefined {
  try {
    const file = readFileSync(CACHE)
    const data = file.subarray(CHECKSUM_LENGTH)
    return file.toString('latin1', 0, CHECKSUM_LENGTH) === checksum(program, data) ? data : undefined
  } catch {
    return undefined // None was made, or this Node (before 20.15) cannot check one.
  }
}

/**
 * Compiles every function, not only those that a trial run would have needed: nothing of ours has to run for it, and
 * the same program and Node give the same bytes under `node --random-seed=1`.
 */
function writeCache(program: string): void {
  setFlagsFromString('--no-lazy')
  const script = new Script(program, { filename: PROGRAM })
  // The flags are part of the cache, and those who use it are lazy.
  setFlagsFromString('--lazy')
  const data = script.createCachedData()
  writeWhole(CACHE, Buffer.concat([Buffer.from(checksum(program, data), 'latin1'), data]), 0o644)
}

function start(program: string): void {
  const cachedData = readCache(program)
  const script = new Script(program, { filename: PROGRAM, cachedData })
  if (process.env.WOW_DEBUG !== undefined) {
    const state =
      script.cachedDataRejected === false ? 'used' : cachedData === undefined ? 'none that fits' : 'rejected'
    console.error(`wow: code cache: ${state}`)
  }
  const run: Program = script.runInThisContext()
  run(require, import.meta.url)
}

setFlagsFromString(KEEP_YOUNG_SPACE_SMALL)
const program = readProgram()
if (process.env.WOW_CODE_CACHE === 'write') writeCache(program)
else start(program)
