/**
 * Checks OVAs with the real VirtualBox, from Debian sid, in a chroot.
 *
 * An import needs no kernel module. mmdebstrap makes the chroot once, in .cache. VirtualBox's own package is unpacked
 * but not installed, since its scripts want to build that module.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ensurePackages } from '../../scripts/lib/apt.ts'
import { withLock } from '../../scripts/lib/lock.ts'
import { cacheFolder, lockFile, scratchFolder } from '../../scripts/lib/paths.ts'
import { step } from '../../scripts/lib/progress.ts'

/** Revision 1 has VirtualBox 7.2; when sid moves to another version, raise it to rebuild the chroot. */
const REVISION = 1
const root = join(cacheFolder, `virtualbox-${REVISION}`)
/** Reads the package's dependencies from the package, so that library names may change, and installs only those. */
const INSTALL = [
  'cd /tmp',
  'apt-get --yes download virtualbox',
  `depends=$(dpkg-deb --field virtualbox_*.deb Depends | tr , '\\n' | sed 's/|.*//; s/(.*//; s/ //g' | grep -Ev 'dkms|modules|adduser|python')`,
  'apt-get --yes --no-install-recommends install $depends',
  'dpkg-deb --extract virtualbox_*.deb /',
  'rm -f virtualbox_*.deb',
].join(' && ')

/** Makes the chroot unless it exists; needs root. */
export async function ensureVirtualBox(mirror: string | undefined): Promise<void> {
  await ensurePackages(['mmdebstrap', 'debian-archive-keyring'])
  await withLock(lockFile('virtualbox'), 'the chroot of VirtualBox', async () => {
    if (existsSync(root)) return
    const scratch = scratchFolder('virtualbox')
    rmSync(scratch, { recursive: true, force: true })
    mkdirSync(scratch, { recursive: true })
    await step('VirtualBox in a chroot of Debian sid', async () => {
      execFileSync(
        'mmdebstrap',
        [
          '--quiet',
          '--variant=apt',
          '--format=directory',
          '--components=main,contrib',
          '--aptopt=APT::Install-Recommends "false"',
          '--aptopt=Acquire::Check-Valid-Until "false"',
          '--dpkgopt=path-exclude=/usr/share/doc/*',
          '--dpkgopt=path-exclude=/usr/share/man/*',
          '--include=procps',
          `--customize-hook=chroot "$1" sh -c ${JSON.stringify(INSTALL).replaceAll('$', '\\$')} >/dev/null`,
          'sid',
          join(scratch, 'root'),
          ...(mirror === undefined ? [] : [mirror]),
        ],
        { stdio: ['ignore', 'ignore', 'inherit'] },
      )
    })
    renameSync(join(scratch, 'root'), root)
  })
}

export interface Verdict {
  readonly ok: boolean
  readonly output: string
}

/** A VirtualBox with its own home and no machines. */
export class VirtualBox {
  readonly #home = mkdtempSync(join(root, 'tmp', 'home-'))
  readonly #inside = join('/tmp', basename(this.#home))

  constructor() {
    this.manage('setproperty', 'machinefolder', join(this.#inside, 'machines'))
  }

  /** Copies a file to where VirtualBox sees it, and returns its path there. */
  bring(path: string): string {
    execFileSync('cp', ['--reflink=auto', path, this.#home])
    return join(this.#inside, basename(path))
  }

  manage(...argv: string[]): Verdict {
    // The process namespace also ends the daemons that VBoxManage starts.
    const chroot = ['--pid', '--fork', `--mount-proc=${join(root, 'proc')}`, '--kill-child', 'chroot', root]
    const command = ['env', `HOME=${this.#inside}`, '/usr/lib/virtualbox/VBoxManage', ...argv]
    const { status, stdout, stderr } = spawnSync('unshare', [...chroot, ...command], { encoding: 'utf8' })
    return { ok: status === 0, output: `${stdout}${stderr}` }
  }

  close(): void {
    rmSync(this.#home, { recursive: true, force: true })
  }
}
