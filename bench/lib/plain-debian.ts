/**
 * A plain Debian to compare boots with: the same release and kernel, Debian's own initramfs, a getty on the serial
 * console, on a disk made in the same way.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { $ } from 'zx'
import { makeDisk, ROOT_LABEL } from '../../scripts/appliance/base/disk.ts'
import type { Flavour } from '../../scripts/appliance/base/flavour.ts'
import type { PackageLayer } from '../../scripts/appliance/base/packages.ts'
import { qcow2 } from '../../scripts/appliance/disks/qcow2.ts'

const PACKAGES = ['dbus', 'ifupdown', 'initramfs-tools', 'isc-dhcp-client', 'linux-image-amd64', 'systemd-sysv', 'udev']
const GRUB = `set timeout=0
menuentry debian {
  linux /vmlinuz root=LABEL=${ROOT_LABEL} ro console=tty0 console=ttyS0,115200 net.ifnames=0 quiet
  initrd /initrd.img
}
`
const INTERFACES = 'auto lo\niface lo inet loopback\nallow-hotplug eth0\niface eth0 inet dhcp\n'

/** Makes it in `folder`, as root, and returns its qcow2. `flavour` gives the disk's size, `layer` the tools. */
export async function plainDebian(
  flavour: Flavour,
  layer: PackageLayer,
  mirror: string | undefined,
  folder: string,
): Promise<string> {
  const tree = join(folder, 'plain')
  const raw = join(folder, 'plain.raw')
  const disk = join(folder, 'plain.qcow2')
  const scratch = join(folder, 'plain-scratch')
  mkdirSync(scratch, { recursive: true })
  const options = ['--quiet', '--variant=minbase', '--format=directory', `--include=${PACKAGES.join(',')}`]
  options.push('--aptopt=APT::Install-Recommends "false"')
  await $({ quiet: true })`mmdebstrap ${options} ${flavour.suite} ${tree} ${mirror ?? []}`
  writeFileSync(join(tree, 'etc/fstab'), `LABEL=${ROOT_LABEL} / ext4 errors=remount-ro 0 1\n`)
  writeFileSync(join(tree, 'etc/network/interfaces'), INTERFACES)
  mkdirSync(join(tree, 'boot/grub'), { recursive: true })
  writeFileSync(join(tree, 'boot/grub/grub.cfg'), GRUB)
  const slotAt = await makeDisk(flavour, { tree, tools: layer.tools, disk: raw, scratch })
  await qcow2.convert({ path: raw, slotAt }, disk)
  rmSync(tree, { recursive: true })
  rmSync(raw)
  return disk
}
