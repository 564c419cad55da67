/**
 * VirtualBox as a judge of OVAs: the real one, from Debian sid, in a chroot.
 *
 * Importing needs no kernel module. The chroot is made once, in .cache, by mmdebstrap; VirtualBox's own package is
 * unpacked and not installed, since its scripts want to build that module.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ensurePackages } from '../../scripts/lib/apt.ts'
import { withLock } from '../../scripts/lib/lock.ts'
import { cacheFolder, lockFile, scratchFolder } from '../../scripts/lib/paths.ts'
import { step } from '../../scripts/lib/progress.ts'

/** Hosts with VirtualBox 7.2; when sid moves on to another, raise it to make the chroot anew. */
const REVISION = 1
const root = join(cacheFolder, `virtualbox-${REVISION}`)
/** Reads what the package depends on from apt, so that library names may change: then installs those alone. */
const INSTALL = [
  'cd /tmp',
  'apt-get --yes download virtualbox',
  `depends=$(dpkg-deb --field virtualbox_*.deb Depends | tr , '\\n' | sed 's/|.*//; s/(.*//; s/ //g' | grep -Ev 'dkms|modules|adduser|python')`,
  'apt-get --yes --no-install-recommends install $depends',
  'dpkg-deb --extract virtualbox_*.deb /',
  'rm -f virtualbox_*.deb',
].join(' && ')

/** Makes the chroot unless it is there; root only. */
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

/** One VirtualBox of its own, with no machines in it. */
export class VirtualBox {
  readonly #home = mkdtempSync(join(root, 'tmp', 'home-'))
  readonly #inside = join('/tmp', basename(this.#home))

  constructor() {
    this.manage('setproperty', 'machinefolder', join(this.#inside, 'machines'))
  }

  /** Copies a file to where VirtualBox sees it and returns its name there. */
  bring(path: string): string {
    execFileSync('cp', ['--reflink=auto', path, this.#home])
    return join(this.#inside, basename(path))
  }

  manage(...argv: string[]): Verdict {
    // A process namespace takes the daemons along that VBoxManage starts.
    const chroot = ['--pid', '--fork', `--mount-proc=${join(root, 'proc')}`, '--kill-child', 'chroot', root]
    const command = ['env', `HOME=${this.#inside}`, '/usr/lib/virtualbox/VBoxManage', ...argv]
    const { status, stdout, stderr } = spawnSync('unshare', [...chroot, ...command], { encoding: 'utf8' })
    return { ok: status === 0, output: `${stdout}${stderr}` }
  }

  close(): void {
    rmSync(this.#home, { recursive: true, force: true })
  }
}
