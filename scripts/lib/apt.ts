/**
 * Debian packages that a script needs: installs them where that is allowed, else names them in one line.
 */

import { $ } from 'zx'
import { WowError } from '../../agent/core/errors.ts'
import { step } from './progress.ts'

/** The packages of `wanted` that are not installed. */
export async function missingPackages(wanted: readonly string[]): Promise<string[]> {
  const found = await $({
    quiet: true,
    nothrow: true,
  })`dpkg-query --show --showformat '\${Package} \${db:Status-Status}\n' ${wanted}`
  const installed = new Set<string>()
  for (const line of found.stdout.split('\n')) {
    const [name, status] = line.split(' ')
    if (name !== undefined && status === 'installed') installed.add(name)
  }
  return wanted.filter((name) => !installed.has(name))
}

/**
 * Installs those of `wanted` that are missing, and puts their programs on the PATH of all commands that this process
 * calls.
 *
 * @throws WowError when some are missing and this user may not install packages.
 */
export async function ensurePackages(wanted: readonly string[]): Promise<void> {
  reachAdministratorsPrograms()
  const missing = await missingPackages(wanted)
  if (missing.length === 0) return
  const prefix = await installer()
  if (prefix === undefined) {
    throw new WowError(
      'PACKAGES_MISSING',
      `These Debian packages are missing: ${missing.join(' ')}`,
      `Install them with: sudo apt-get install ${missing.join(' ')}`,
    )
  }
  await step(`install Debian packages: ${missing.join(' ')}`, async () => {
    const apt = $({ quiet: true, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    await apt`${prefix} apt-get update`
    await apt`${prefix} apt-get install --yes --no-install-recommends ${missing}`
  })
}

/** Debian leaves `/usr/sbin`, where sfdisk and mke2fs are, out of an ordinary user's PATH. */
function reachAdministratorsPrograms(): void {
  const folders = (process.env.PATH ?? '').split(':')
  const more = ['/usr/sbin', '/sbin'].filter((folder) => !folders.includes(folder))
  process.env.PATH = [...folders, ...more].join(':')
}

/** How this user can run apt-get: as itself, through a sudo that asks no password, or not at all. */
async function installer(): Promise<string[] | undefined> {
  if (process.getuid?.() === 0) return []
  const sudo = await $({ quiet: true, nothrow: true })`sudo -n true`
  return sudo.exitCode === 0 ? ['sudo', '-n'] : undefined
}
