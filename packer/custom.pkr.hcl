# Customises a base by booting it: `make custom BASE=<flavour> SCRIPT=<file> [BUILDER=qemu|virtualbox|vmware]` calls this.
#
# One of the three sources boots an image of ours; Packer logs in with a key that comes on a floppy, as any setting of one
# copy does, runs the script as root, and seals the machine again. Packer 1.6 takes this file as it is; for newer ones
# `packer init packer/plugins.pkr.hcl` fetches the builders once.

variable "image" {
  type        = string
  description = "What to boot: a qcow2, an OVA or a VMX, as the builder needs it."
}

variable "script" {
  type        = string
  description = "Runs in the machine, as root."
}

variable "output" {
  type        = string
  description = "Folder for the result; it must not be there yet."
}

variable "floppy" {
  type        = string
  description = "An appliance.json with the public half of the key."
}

variable "ssh_key" {
  type        = string
  description = "File with the private half of the key."
}

variable "accelerator" {
  type        = string
  default     = "kvm"
  description = "Of QEMU: kvm or tcg."
}

variable "cpu" {
  type        = string
  default     = "host"
  description = "Of QEMU: kernel 6.12 panics on some models under tcg; Nehalem works."
}

variable "cpus" {
  type        = number
  default     = 2
  description = "Of QEMU: under tcg more than one makes the kernel panic once in a while."
}

variable "memory" {
  type    = number
  default = 1024
}

variable "ssh_timeout" {
  type        = string
  default     = "15m"
  description = "An emulated machine needs minutes to boot."
}

locals {
  shutdown = "sudo systemctl poweroff"
}

source "qemu" "wow" {
  disk_image       = true
  iso_url          = var.image
  iso_checksum     = "none"
  skip_compaction  = true
  output_directory = var.output
  vm_name          = "disk.qcow2"
  format           = "qcow2"
  machine_type     = "q35"
  accelerator      = var.accelerator
  cpus             = var.cpus
  memory           = var.memory
  disk_interface   = "virtio"
  net_device       = "virtio-net"
  headless         = true
  floppy_files     = [var.floppy]
  qemuargs         = [["-cpu", var.cpu]]

  ssh_username         = "wow"
  ssh_private_key_file = var.ssh_key
  ssh_timeout          = var.ssh_timeout
  shutdown_command     = local.shutdown
}

source "virtualbox-ovf" "wow" {
  source_path          = var.image
  checksum             = "none"
  guest_additions_mode = "disable"
  output_directory     = var.output
  vm_name              = "wow-custom"
  headless             = true
  floppy_files         = [var.floppy]

  ssh_username         = "wow"
  ssh_private_key_file = var.ssh_key
  ssh_timeout          = var.ssh_timeout
  shutdown_command     = local.shutdown
}

source "vmware-vmx" "wow" {
  source_path      = var.image
  output_directory = var.output
  vm_name          = "wow-custom"
  headless         = true
  floppy_files     = [var.floppy]

  ssh_username         = "wow"
  ssh_private_key_file = var.ssh_key
  ssh_timeout          = var.ssh_timeout
  shutdown_command     = local.shutdown
}

build {
  sources = ["source.qemu.wow", "source.virtualbox-ovf.wow", "source.vmware-vmx.wow"]

  provisioner "shell" {
    script          = var.script
    execute_command = "chmod +x {{ .Path }}; sudo {{ .Vars }} {{ .Path }}"
  }

  provisioner "shell" {
    inline = ["sudo /usr/lib/wow/seal"]
  }
}
