# Builds what an appliance is baked from, without a hypervisor: the stages of scripts/appliance/packer-stage.ts. `make appliance`
# writes the request and calls this, and then bakes; Packer 1.6 and newer take it.

variable "request" {
  type        = string
  description = "File with the order: namespace, flavour, output folder. It holds a secret."
}

variable "stage_command" {
  type        = string
  description = "Command that runs one stage."
}

variable "stages" {
  type        = list(string)
  default     = ["packages", "base", "disks"]
  description = "The stages to run; those whose result is cached are left out."
}

source "null" "appliance" {
  communicator = "none"
}

build {
  sources = ["source.null.appliance"]

  provisioner "shell-local" {
    # Progress is on standard error, which Packer would show as errors.
    inline = concat(["exec 2>&1"], [for stage in var.stages : "${var.stage_command} ${stage} '${var.request}'"])
  }
}
