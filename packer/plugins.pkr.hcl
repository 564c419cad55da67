# For Packer 1.7 and newer, where builders are plugins: `packer init packer/plugins.pkr.hcl` fetches those that
# custom.pkr.hcl needs. Packer 1.6 has them inside and refuses this block, which is why it has a file of its own.

packer {
  required_plugins {
    qemu = {
      version = ">= 1.1.0"
      source  = "github.com/hashicorp/qemu"
    }
    virtualbox = {
      version = ">= 1.1.0"
      source  = "github.com/hashicorp/virtualbox"
    }
    vmware = {
      version = ">= 1.1.0"
      source  = "github.com/hashicorp/vmware"
    }
  }
}
