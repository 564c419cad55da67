/**
 * The slow layer: Debian and its packages as one tar, nothing of ours in it but what package scripts must already find.
 *
 * It depends on the flavour's package settings alone, so a change of the agent never waits for it.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'zx'
import { follow, step } from '../lib/steps.ts'
import { cached, KeyBuilder } from './cache.ts'
import type { Flavour } from './flavour.ts'
import { templatesFolder } from './paths.ts'
import { renderTree } from './render.ts'
import { sourceDateEpoch } from './reproducible.ts'

export interface PackageLayer {
  readonly key: string
  /** The root file system, owners and modes as they must be. */
  readonly tar: string
  /** Lines of `name version`, sorted. */
  readonly list: string
}

/** Raise it when this module builds something else from the same settings. */
const REVISION = 1

const packageTemplates = join(templatesFolder, 'packages')

export function packagesKey(flavour: Flavour, mirror: string | undefined): string {
  return new KeyBuilder()
    .value('revision', REVISION)
    .value('suite', flavour.suite)
    .value('packages', [...flavour.packages].sort())
    .value('boot modules', flavour.bootModules)
    .value('exclude', [flavour.excludePaths, flavour.excludeModules])
    .value('mirror', mirror ?? null)
    .value('epoch', sourceDateEpoch())
    .folder('templates', packageTemplates)
    .finish()
}

/** The layer from the cache, or built by mmdebstrap (one to three minutes). */
export async function packageLayer(flavour: Flavour, mirror: string | undefined): Promise<PackageLayer> {
  const key = packagesKey(flavour, mirror)
  const folder = await cached({
    kind: `packages-${flavour.name}`,
    key,
    build: (to) => step(`packages: Debian ${flavour.suite} by mmdebstrap`, () => bootstrap(flavour, mirror, to)),
  })
  return { key, tar: join(folder, 'root.tar'), list: join(folder, 'packages.txt') }
}

/** SHA-256 of the package list, in hex: says which packages an image was made of. */
export function packageListDigest(layer: PackageLayer): string {
  return createHash('sha256').update(readFileSync(layer.list)).digest('hex')
}

async function bootstrap(flavour: Flavour, mirror: string | undefined, to: string): Promise<void> {
  const tar = join(to, 'root.tar')
  const hooks = join(to, 'hooks')
  renderTree(packageTemplates, hooks, { ...flavour })

  const excluded = [
    ...flavour.excludePaths.map((path) => `path-exclude=${path}`),
    'path-include=/usr/share/doc/*/copyright',
    ...flavour.excludeModules.map((path) => `path-exclude=/usr/lib/modules/*/kernel/${path}/*`),
  ]
  const argv = [
    `--mode=${process.getuid?.() === 0 ? 'root' : 'unshare'}`,
    '--variant=minbase',
    '--format=tar',
    `--include=${flavour.packages.join(',')}`,
    '--aptopt=APT::Install-Recommends "false"',
    ...excluded.map((option) => `--dpkgopt=${option}`),
    // Before the kernel's own scripts make the initramfs.
    `--essential-hook=mkdir -p "$1"/etc/initramfs-tools && cp -r ${join(hooks, 'initramfs-tools')} "$1"/etc/`,
    '--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash --password "*" wow',
    '--customize-hook=chroot "$1" passwd --lock root >/dev/null',
    '--customize-hook=rm -rf "$1"/etc/ssh/ssh_host_* "$1"/etc/.resolv.conf.* "$1"/var/log/*.log "$1"/var/log/apt',
    `--customize-hook=chroot "$1" dpkg-query --show --showformat '\${Package} \${Version}\\n' >${join(to, 'packages.txt')}`,
    flavour.suite,
    tar,
    ...(mirror === undefined ? [] : [mirror]),
  ]
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(sourceDateEpoch()) }
  const running = $({ quiet: true, env })`mmdebstrap ${argv}`
  // Its lines are its progress; the hooks that it repeats are not news.
  follow(running.stderr, (line) =>
    line.startsWith('I: ') && !/hook|tempdir|sign/.test(line) ? `    ${line.slice('I: '.length)}` : undefined,
  )
  await running
  await $({ quiet: true })`rm -r ${hooks}`
}
