/*
 * Wakes as often as packets of one spacing make a thread wake, in time of its own, and prints how often:
 *
 *   pace <packets> <ns between two>
 */
#include "pace.h"

#include <stdio.h>
#include <stdlib.h>

/* How long packets gather, as the thread sees it. */
#define GATHER_NS 60000

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  long packets = atol(argv[1]), spacing = atol(argv[2]), come = 0, read = 0, wakes = 0;
  pace_t pace = {0};
  int64_t now = 0;
  while (read < packets) {
    if (read == come) now = ++come * spacing;
    pace.taken += (uint32_t)(come - read);
    pace.empty = true;
    read = come;
    wakes++;
    if (pace_gathers(&pace, now)) now += GATHER_NS;
    come = now / spacing;
  }
  printf("%ld\n", wakes);
  return 0;
}
