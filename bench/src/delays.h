// delays.h - how long things took, in buckets of a microsecond up to a second.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#define DELAYS_MOST 1000000
typedef struct { uint32_t *bucket; long count; long long most; } delays;

static void delays_add(delays *d, long long ns) {
  if (!d->bucket) d->bucket = calloc(DELAYS_MOST + 1, sizeof(uint32_t));
  long long us = ns < 0 ? 0 : ns / 1000;
  d->bucket[us < DELAYS_MOST ? us : DELAYS_MOST]++;
  d->count++;
  if (us > d->most) d->most = us;
}

static long long delays_at(const delays *d, double share) {
  long left = (d->count - 1) * share;
  for (long long us = 0; d->count && us <= DELAYS_MOST; us++)
    if ((left -= d->bucket[us]) < 0) return us;
  return 0;
}

static void delays_print(const char *name, const delays *d) {
  printf("\"%s\":{\"count\":%ld,\"p50\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld},", name, d->count,
         delays_at(d, .5), delays_at(d, .99), delays_at(d, .999), d->most);
}
