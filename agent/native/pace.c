#include "pace.h"

#include <time.h>

/* Packets that come faster than this are fast, and then gather for so long, ns. */
#define FAST_NS 25000
#define GATHER_NS 40000

bool pace_gathers(pace_t *pace, int64_t now) {
  if (!pace->empty) return false;
  bool fast = now - pace->emptied_at < (int64_t)pace->taken * FAST_NS;
  pace->emptied_at = now;
  pace->taken = 0;
  return fast;
}

void pace_wait(void) {
  nanosleep(&(struct timespec){.tv_nsec = GATHER_NS}, NULL);
}
