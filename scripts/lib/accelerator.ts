/**
 * How guests run here: under KVM only where a kernel proves within seconds that it works, else emulated, which takes a
 * minute to boot.
 */

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'

export type Accelerator = 'kvm' | 'tcg'

/**
 * The processors of a guest. Emulated, kernel 6.12 panics on `max` and `qemu64`, and once in a while with a second processor
 * that runs into code which the first is just patching (Oops: int3).
 */
export const PROCESSORS: Readonly<Record<Accelerator, { readonly model: string; readonly count: number }>> = {
  kvm: { model: 'host', count: 2 },
  tcg: { model: 'Nehalem', count: 1 },
}

/** Long enough for a kernel that works to get to the point of missing its root file system. */
const KVM_PROBE_MS = 10_000

/** Whether guests run under KVM here: a kernel is started and must get as far as looking for its root. */
export async function chooseAccelerator(kernel: string): Promise<Accelerator> {
  if (!existsSync('/dev/kvm')) return 'tcg'
  const qemu = spawn('qemu-system-x86_64', [
    ...[
      '-accel',
      'kvm',
      '-cpu',
      'host',
      '-m',
      '512',
      '-display',
      'none',
      '-monitor',
      'none',
      '-no-reboot',
      '-nic',
      'none',
    ],
    ...['-serial', 'stdio', '-kernel', kernel, '-append', 'console=ttyS0 panic=-1'],
  ])
  const limit = setTimeout(() => qemu.kill('SIGKILL'), KVM_PROBE_MS)
  try {
    let text = ''
    return await new Promise((resolve) => {
      qemu.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (/VFS: (Unable to mount|Cannot open) root/.test(text)) resolve('kvm')
      })
      qemu.once('error', () => resolve('tcg'))
      qemu.once('exit', () => resolve(/VFS: (Unable to mount|Cannot open) root/.test(text) ? 'kvm' : 'tcg'))
    })
  } finally {
    clearTimeout(limit)
    qemu.kill('SIGKILL')
  }
}

/** The kernel out of a package layer's tar, for `chooseAccelerator`. */
export function extractKernel(tar: string, to: string): void {
  const argv = ['--extract', '--to-stdout', '--wildcards', '--file', tar, './boot/vmlinuz-*']
  writeFileSync(to, execFileSync('tar', argv, { maxBuffer: 1 << 27 }))
}
