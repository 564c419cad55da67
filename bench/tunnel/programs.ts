/**
 * Programs of Debian sid that run here without being installed: each set has its own folder in the cache, with its
 * libraries and their loader. `make clean` removes them, and the next run fetches what sid has then.
 */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { $ } from 'zx'
import { cached, KeyBuilder } from '../../scripts/appliance/cache.ts'
import { step } from '../../scripts/lib/progress.ts'
import type { Programs } from './peer.ts'

/** Packages of this machine that fetch the others. */
export const FETCHERS = ['mmdebstrap', 'debian-archive-keyring'] as const

/** Raise it when the same packages are kept in another way. */
const REVISION = 1
const SUITE = 'sid'
const LIST = 'packages.txt'
const LOADER = /^ld-linux.*\.so\.\d$/
const OPTIONS = [
  '--variant=extract',
  '--format=directory',
  '--aptopt=APT::Install-Recommends "false"',
  '--aptopt=Acquire::Check-Valid-Until "false"',
  '--dpkgopt=path-exclude=/usr/share/*',
  `--extract-hook=for deb in "$1"/var/cache/apt/archives/*.deb; do dpkg-deb --show "$deb"; done >"$1"/${LIST}`,
]

export interface ProgramSet {
  readonly programs: Programs
  /** Debian's versions of the packages that were asked for. */
  readonly versions: Readonly<Record<string, string>>
}

/** The programs of `packages`, from the cache or fetched (half a minute). @throws when sid lacks one of them */
export async function debianPrograms(name: string, packages: readonly string[]): Promise<ProgramSet> {
  const key = new KeyBuilder().value('revision', REVISION).value('packages', packages).finish()
  const build = (folder: string) =>
    step(`fetch ${packages.join(', ')} of Debian ${SUITE}`, () => fetch(packages, folder))
  const folder = await cached({ kind: `tunnel-${name}`, key, build })
  const libraries = join(folder, 'libraries')
  const loader = readdirSync(libraries).find((file) => LOADER.test(file)) ?? ''
  const start = [join(libraries, loader), '--library-path', libraries]
  return {
    programs: (program) => [...start, join(folder, program)],
    versions: versionsOf(packages, join(folder, LIST)),
  }
}

async function fetch(packages: readonly string[], to: string): Promise<void> {
  const root = join(to, 'root')
  const mirror = process.env.MIRROR ? [process.env.MIRROR] : []
  const include = `--include=${packages.join(',')}`
  const fetched = await $({ quiet: true, nothrow: true })`mmdebstrap ${OPTIONS} ${include} ${SUITE} ${root} ${mirror}`
  if (fetched.exitCode !== 0) throw new Error(reasonIn(fetched.stderr))
  mkdirSync(join(to, 'libraries'))
  for (const folder of ['usr/bin', 'usr/sbin']) copyFiles(join(root, folder), to)
  for (const folder of readdirSync(join(root, 'usr/lib')).filter((name) => name.endsWith('-linux-gnu'))) {
    copyFiles(join(root, 'usr/lib', folder), join(to, 'libraries'))
  }
  copyFileSync(join(root, LIST), join(to, LIST))
  rmSync(root, { recursive: true })
}

/** mmdebstrap and apt print last that they failed, and the reason before that. */
function reasonIn(stderr: string): string {
  const lines = stderr.split('\n')
  return lines.findLast((line) => /^(E: (?!mmdebstrap failed|apt)|Err:)/.test(line)) ?? 'mmdebstrap failed'
}

/** Copies the files in `from`, and what links there point to; a link that leads out of the folder is left out. */
function copyFiles(from: string, to: string): void {
  for (const file of listed(from)) {
    const path = join(from, file)
    if (statSync(path, { throwIfNoEntry: false })?.isFile()) copyFileSync(path, join(to, basename(path)))
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // No package has one.
  }
}

function versionsOf(packages: readonly string[], list: string): Record<string, string> {
  const rows = readFileSync(list, 'utf8')
    .split('\n')
    .map((line) => line.split('\t') as [string, string])
  return Object.fromEntries(rows.filter(([name]) => packages.includes(name)))
}
