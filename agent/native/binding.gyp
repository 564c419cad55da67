{
  "targets": [
    {
      "target_name": "tap",
      "sources": ["tap.c", "frames.c", "interface.c", "memory.c"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"]
    }
  ]
}
