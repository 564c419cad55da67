/** Debian 12 packages whose programs the pipeline calls. */

import { isRoot } from './user-namespace.ts'

const TOOLS = [
  'debian-archive-keyring',
  'dosfstools',
  'e2fsprogs',
  'fdisk',
  'grub-common',
  'grub-efi-amd64-bin',
  'grub-pc-bin',
  'mmdebstrap',
  'mtools',
  'openssh-client',
  'openssl',
  'packer',
  'procps',
  'qemu-utils',
  'zstd',
]
/** What an ordinary user needs as well (user-namespace.ts). */
export const ROOTLESS_TOOLS = ['uidmap']

export const PIPELINE_TOOLS: readonly string[] = isRoot ? TOOLS : [...TOOLS, ...ROOTLESS_TOOLS]
