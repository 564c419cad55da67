# Runs the build of an appliance without a hypervisor: the steps of scripts/appliance/steps.ts, then checksums and a
# manifest of what they made. `make appliance` writes the request and calls this; Packer 1.6 and newer take it.

variable "request" {
  type        = string
  description = "File with the order: namespace, flavour, output folder. It holds a secret."
}

variable "folder" {
  type        = string
  description = "Where the finished files go."
}

variable "basename" {
  type        = string
  description = "Stem of all file names."
}

variable "steps" {
  type        = string
  description = "Command that runs one step."
}

variable "as_root" {
  type        = string
  default     = ""
  description = "Prefix that lets an ordinary user make files of root: unshare with a user namespace."
}

source "null" "appliance" {
  communicator = "none"
}

build {
  sources = ["source.null.appliance"]

  provisioner "shell-local" {
    inline = [
      "exec 2>&1", # progress is on standard error, which Packer would show as errors
      "${var.steps} packages '${var.request}'",
      "${var.as_root} ${var.steps} base '${var.request}'",
      "${var.steps} bake '${var.request}'",
    ]
  }

  post-processors {
    post-processor "artifice" {
      files = [
        "${var.folder}/${var.basename}.qcow2",
        "${var.folder}/${var.basename}.xml",
      ]
    }
    post-processor "checksum" {
      checksum_types = ["sha256"]
      output         = "${var.folder}/SHA256SUMS"
    }
  }
}
