/*
 * Memory that only the start of the program needed, handed back to the kernel.
 *
 * Node is a file of 95 MB. Its start reads the parts that set up the engine, and the kernel maps what lies around each page
 * that is touched: half of the file counts as this process's memory from then on, although most of it is never looked at
 * again. `giveBack` lets go of these mappings. Nothing is lost: they are pages of files, unchanged, that the kernel's page
 * cache still has, and a page that is used after all is mapped again when it is touched (a microsecond or two for 64 KiB).
 * What the C library keeps of freed memory goes back as well.
 *
 *   giveBack() -> undefined
 */
#include <malloc.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define LINE_MAX_BYTES 4608 /* a path may have 4,096 */
#define RANGES 128          /* the program and a dozen libraries have about thirty */

typedef struct {
  unsigned long start, end;
} range_t;

/* A mapping of a file, private, and not for writing: proc(5), /proc/pid/smaps. */
static bool read_only_file(const char *line, range_t *range) {
  char mode[5];
  unsigned long inode;
  if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &range->start, &range->end, mode, &inode) != 4) return false;
  return inode != 0 && mode[0] == 'r' && mode[1] == '-' && mode[3] == 'p';
}

/*
 * Mappings none of whose pages differ from the file: in the others (`Anonymous` is not 0) the loader wrote addresses
 * before it made them read-only, and those pages exist nowhere else.
 */
static size_t unchanged_ranges(range_t *ranges) {
  FILE *smaps = fopen("/proc/self/smaps", "re");
  if (smaps == NULL) return 0;
  char line[LINE_MAX_BYTES];
  size_t count = 0;
  range_t range;
  bool candidate = false;
  while (count < RANGES && fgets(line, sizeof line, smaps) != NULL) {
    unsigned long kib;
    if (strchr(line, '-') != NULL && strchr(line, ':') > strchr(line, '-')) candidate = read_only_file(line, &range);
    else if (candidate && sscanf(line, "Anonymous: %lu kB", &kib) == 1 && kib == 0) ranges[count++] = range;
  }
  fclose(smaps);
  return count;
}

napi_value js_give_back(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  malloc_trim(0);
  range_t ranges[RANGES];
  size_t count = unchanged_ranges(ranges);
  /* A kernel that refuses keeps the pages mapped, which is as good. */
  for (size_t i = 0; i < count; i++)
    (void)madvise((void *)ranges[i].start, ranges[i].end - ranges[i].start, MADV_DONTNEED);
  return NULL;
}
