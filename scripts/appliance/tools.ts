/** Debian 12 packages that the pipeline calls. */

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
/** What an ordinary user needs besides, to own files as root does. */
const ROOTLESS_TOOLS = ['uidmap']

export const PIPELINE_TOOLS: readonly string[] = process.getuid?.() === 0 ? TOOLS : [...TOOLS, ...ROOTLESS_TOOLS]
