/*
 * Feeds a queue with what the arguments say, in time of its own, and prints what is dropped:
 *
 *   standing-queue <ms> <empty every ms, 0: never> <bytes of lane 1 a ms> <bytes of lane 2 a ms> …
 *
 * Each lane has a packet of its bytes every millisecond. Prints the drops of each lane, and the ms of the first five.
 */
#include "standing-queue.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_LANES 64
#define MS 1000000

int main(int argc, char **argv) {
  long length = atol(argv[1]), empties = atol(argv[2]);
  int lanes = argc - 3;
  share_t shares[MOST_LANES] = {{0}};
  unsigned drops[MOST_LANES] = {0};
  long first[5] = {0};
  unsigned all = 0;
  standing_queue_t queue = {0};
  for (long ms = 1; ms <= length; ms++) {
    for (int i = 0; i < lanes; i++) {
      if (!queue_took(&queue, &shares[i], (size_t)atol(argv[3 + i]), (int64_t)ms * MS)) continue;
      drops[i]++;
      if (all < 5) first[all] = ms;
      all++;
    }
    if (empties != 0 && ms % empties == 0) queue_empty(&queue);
  }
  printf("[[");
  for (int i = 0; i < lanes; i++) printf("%s%u", i == 0 ? "" : ",", drops[i]);
  printf("],[");
  for (unsigned i = 0; i < (all < 5 ? all : 5); i++) printf("%s%ld", i == 0 ? "" : ",", first[i]);
  printf("]]\n");
  return 0;
}
