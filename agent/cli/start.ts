#!/usr/bin/env node
/**
 * `build/wow.mjs`, the entry point: runs the program beside it, `wow.cjs`, from code that V8 compiled before.
 *
 * Compiling was half of an agent's start, and many seconds in a machine emulated by QEMU. `wow.cache` is V8's code
 * cache of the whole program. It is used only if it is undamaged and belongs to this program and this Node. V8 checks
 * its own version and flags, but only the program's length, and a damaged cache crashes the process. Without a valid
 * cache the program is compiled as usual and only starts more slowly. The command
 *
 *     WOW_CODE_CACHE=write node wow.mjs
 *
 * writes the cache; the build runs it for its own Node and for an appliance's. The agent never writes it: a program
 * that writes to the folder it runs from is a surprise.
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
/** Length of the program's first line: `// ` and its SHA-256 in hex, from scripts/build.mjs. */
const NAME_LENGTH = '// '.length + 64
/**
 * V8 doubles the space for young objects under heavy allocation, up to 48 MB, and seldom shrinks it. With the initial 1
 * MB, which fits a processor's cache, packets are carried just as fast (measured with iperf3 over two agents).
 */
const KEEP_YOUNG_SPACE_SMALL = '--semi-space-growth-factor=1'
/** A cache begins with its checksum in hex: eight bytes, because V8 copies unaligned data. */
const CHECKSUM_LENGTH = 8

const require = createRequire(import.meta.url)

/** The build escapes non-ASCII characters: one byte per character is the fastest to read and the smallest to keep. */
function readProgram(): string {
  try {
    return readFileSync(PROGRAM, 'latin1')
  } catch (error) {
    console.error(`wow: ${messageOf(error)}`)
    console.error('wow: wow.mjs needs the files that were built with it: run `node scripts/build.mjs --force`.')
    process.exit(1)
  }
}

/** Ties the data to the program that they were made from. */
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
    return undefined // There is no cache, or this Node (before 20.15) cannot check it.
  }
}

/**
 * Compiles every function, not only those that a trial run would need. So no code of ours has to run, and the same
 * program and Node give the same bytes under `node --random-seed=1`.
 */
function writeCache(program: string): void {
  setFlagsFromString('--no-lazy')
  const script = new Script(program, { filename: PROGRAM })
  // The flags are part of the cache, and its users run with lazy compilation.
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
