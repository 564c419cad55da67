/**
 * The slow layer: Debian and its packages as one tar. Nothing of ours is in it but what package scripts must find.
 *
 * It depends only on the command that builds it (the flavour's package settings and the mirror are in there),
 * templates/packages and the date, so a change of the agent never rebuilds it.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'zx'
import { WowError } from '../../../agent/core/errors.ts'
import { templatesFolder } from '../../lib/paths.ts'
import { follow, step } from '../../lib/progress.ts'
import { renderTree } from '../../lib/render.ts'
import { cached, KeyBuilder } from '../cache.ts'
import { isRoot } from '../user-namespace.ts'
import type { Flavour } from './flavour.ts'
import { sourceDateEpoch } from './reproducible.ts'

export interface PackageLayer {
  readonly key: string
  /** The root file system, with the right owners and modes. */
  readonly tar: string
  /** Lines of `name version architecture source`, separated by tabs, sorted. */
  readonly list: string
  /** Folder with the release's mke2fs and all that it loads. */
  readonly tools: string
}

/** Raise it when the same command and templates build something different. */
const REVISION = 2
/** The image's own mke2fs needs it to read a tar, which gives the same bytes each time; it is purged from the image. */
const BUILD_ONLY = 'libarchive13t64'

const packageTemplates = join(templatesFolder, 'packages')

export function packagesKey(flavour: Flavour, mirror: string | undefined): string {
  return new KeyBuilder()
    .value('revision', REVISION)
    .value('command', contentArguments(flavour, mirror, '/to'))
    .value('boot modules', flavour.bootModules)
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
  return { key, tar: join(folder, 'root.tar'), list: join(folder, 'packages.txt'), tools: join(folder, 'tools') }
}

/** SHA-256 of the package list, in hex: identifies the packages in an image. */
export function packageListDigest(layer: PackageLayer): string {
  return createHash('sha256').update(readFileSync(layer.list)).digest('hex')
}

// Hooks read and write outside the tree through mmdebstrap's own `copy-in`, `copy-out` and `download`: for an ordinary
// user a hook runs as root of a user namespace, and that root may not write the user's folders.

/** Runs before the kernel's own scripts make the initramfs. Copies keep their owner, which must become root. */
function giveInitramfsTools(from: string): string[] {
  return [
    `--essential-hook=copy-in ${join(from, 'initramfs-tools')} /etc`,
    '--essential-hook=chown --recursive 0:0 "$1"/etc/initramfs-tools',
  ]
}

/** Copies mke2fs, the libraries that it loads, and the loader to the folder `tools` in `to`. */
function takeTools(to: string): string[] {
  const gather = [
    'mkdir "$1"/tools',
    'chroot "$1" sh -c "ldd /usr/sbin/mke2fs /usr/lib/x86_64-linux-gnu/libarchive.so.13" | grep -o "/[^ )]*" | sed "s/:$//"' +
      ' | sort -u | while read -r file; do cp -L "$1$file" "$1"/tools; done',
    'cp "$1"/usr/sbin/mke2fs "$1"/tools',
  ]
  return [
    `--customize-hook=${gather.join(' && ')}`,
    `--customize-hook=copy-out /tools ${to}`,
    '--customize-hook=rm -r "$1"/tools',
  ]
}

/** Writes the list of the tree's packages to the file `packages.txt` in `to`. */
function takeList(to: string): string[] {
  const fields = ['Package', 'Version', 'Architecture', 'source:Package'].map((field) => `\${${field}}`)
  return [
    `--customize-hook=chroot "$1" dpkg-query --show --showformat '${fields.join('\\t')}\\n' >"$1"/packages.txt`,
    `--customize-hook=download /packages.txt ${join(to, 'packages.txt')}`,
    '--customize-hook=rm "$1"/packages.txt',
  ]
}

const hooksIn = (to: string) => join(to, 'hooks')

/** What decides over the content of the layer that is built in the folder `to`: mmdebstrap's options, and its operands. */
function contentArguments(flavour: Flavour, mirror: string | undefined, to: string): string[] {
  const excluded = [
    ...flavour.excludePaths.map((path) => `path-exclude=${path}`),
    'path-include=/usr/share/doc/*/copyright',
    ...flavour.excludeModules.map((path) => `path-exclude=/usr/lib/modules/*/kernel/${path}/*`),
  ]
  return [
    '--variant=minbase',
    '--format=tar',
    `--include=${[...flavour.packages, BUILD_ONLY].join(',')}`,
    '--aptopt=APT::Install-Recommends "false"',
    ...excluded.map((option) => `--dpkgopt=${option}`),
    ...giveInitramfsTools(hooksIn(to)),
    ...takeTools(to),
    `--customize-hook=chroot "$1" apt-get --yes --quiet purge --autoremove ${BUILD_ONLY}`,
    '--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash --password "*" wow',
    '--customize-hook=chroot "$1" passwd --lock root >/dev/null',
    '--customize-hook=rm -rf "$1"/etc/ssh/ssh_host_* "$1"/etc/.resolv.conf.* "$1"/var/log/*.log "$1"/var/log/apt',
    ...takeList(to),
    flavour.suite,
    join(to, 'root.tar'),
    ...(mirror === undefined ? [] : [mirror]),
  ]
}

async function bootstrap(flavour: Flavour, mirror: string | undefined, to: string): Promise<void> {
  renderTree(packageTemplates, hooksIn(to), { ...flavour })
  const argv = [`--mode=${isRoot ? 'root' : 'unshare'}`, ...contentArguments(flavour, mirror, to)]
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(sourceDateEpoch()) }
  const running = $({ quiet: true, env })`mmdebstrap ${argv}`
  // mmdebstrap's lines show its progress; those about our own hooks are left out.
  follow(running.stderr, (line) =>
    line.startsWith('I: ') && !/hook|tempdir|sign/.test(line) ? `    ${line.slice('I: '.length)}` : undefined,
  )
  const { exitCode, stderr } = await running.nothrow()
  if (exitCode !== 0) throw failed(mirror, stderr)
  await $({ quiet: true })`rm -r ${hooksIn(to)}`
}

/** mmdebstrap and apt print last that they failed; the reason comes before that. */
function failed(mirror: string | undefined, stderr: string): Error {
  if (/No space left on device/.test(stderr)) return new Error('No space left on device')
  const why = stderr
    .split('\n')
    .findLast((line) => /^(E: (?!mmdebstrap failed|apt-get .* failed)|Err:|dpkg: error)/.test(line))
  return new WowError(
    'PACKAGES_FAILED',
    `The Debian packages could not be installed from ${mirror ?? "mmdebstrap's own mirror"}: ${why ?? 'mmdebstrap did not say why'}`,
    'Check the mirror and the network, or give another one with MIRROR=',
  )
}
