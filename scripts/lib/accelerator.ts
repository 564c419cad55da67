/**
 * How guests run on this machine: under KVM if a test kernel proves within seconds that KVM works, else emulated, which
 * takes a minute to boot.
 */

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'

export type Accelerator = 'kvm' | 'tcg'

/**
 * A guest's processors. Under emulation, kernel 6.12 panics on `max` and `qemu64`; with two processors it sometimes
 * panics when the second runs into code that the first is patching (Oops: int3).
 */
export const PROCESSORS: Readonly<Record<Accelerator, { readonly model: string; readonly count: number }>> = {
  kvm: { model: 'host', count: 2 },
  tcg: { model: 'Nehalem', count: 1 },
}

/** Long enough for a working kernel to find that it has no root file system, ms. */
const KVM_PROBE_MS = 10_000

/** Starts a kernel under KVM. Returns `kvm` when it gets as far as looking for its root, else `tcg`. */
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

/** Extracts the kernel from a package layer's tar, for `chooseAccelerator`. */
export function extractKernel(tar: string, to: string): void {
  const argv = ['--extract', '--to-stdout', '--wildcards', '--file', tar, './boot/vmlinuz-*']
  writeFileSync(to, execFileSync('tar', argv, { maxBuffer: 1 << 27 }))
}
