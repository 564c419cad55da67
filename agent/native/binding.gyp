{
  "targets": [
    {
      "target_name": "tap",
      "sources": [
        "addon.c",
        "arguments.c",
        "decisions.c",
        "gate.c",
        "inbound.c",
        "interface.c",
        "ip-table.c",
        "joiner.c",
        "lanes.c",
        "mailbox.c",
        "memory.c",
        "outbound.c",
        "pace.c",
        "packet.c",
        "reader.c",
        "record.c",
        "segment.c",
        "standing-queue.c",
        "tap.c",
        "train.c",
        "udp.c"
      ],
      "cflags": ["-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"]
    }
  ]
}
