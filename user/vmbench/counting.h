// counting.h: samples of what a piece of work costs in instructions, and their report: a line
// NAME SAMPLES MINIMUM MEDIAN. For the one file of a program.
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_samples = 512 };

static inline uint64_t counter(void) {
#if defined(__x86_64__)
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
#else
  uint64_t value;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value) : : "memory");
  return value;
#endif
}

static uint64_t samples[most_samples];
static unsigned sample_count;
static double units_of_instruction = 1;
static uint64_t cost_of_counting;
static char** wanted;

static void take(uint64_t began, uint64_t ended) {
  if (sample_count < most_samples) {
    const uint64_t units = ended - began;
    samples[sample_count++] = units > cost_of_counting ? units - cost_of_counting : 0;
  }
}

#define SAMPLE(work)                   \
  do {                                 \
    const uint64_t began_ = counter(); \
    work;                              \
    take(began_, counter());           \
  } while (0)

static int compare(const void* left, const void* right) {
  const uint64_t a = *(const uint64_t*)left;
  const uint64_t b = *(const uint64_t*)right;
  return (a > b) - (a < b);
}

// Each sample did the work of the row `share` times.
static void report(const char* name, double share) {
  if (sample_count == 0) {
    printf("%s 0 - -\n", name);
    return;
  }
  qsort(samples, sample_count, sizeof samples[0], compare);
  const double scale = 1 / (units_of_instruction * share);
  printf("%s %u %.1f %.1f\n", name, sample_count, (double)samples[0] * scale,
         (double)samples[sample_count / 2] * scale);
  fflush(stdout);
  sample_count = 0;
}

static void spin(uint64_t rounds) {
#if defined(__x86_64__)
  __asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
#else
  __asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(rounds) : : "cc");
#endif
}

static void calibrate(void) {
  enum { rounds = 20000 };  // two instructions each
  uint64_t best = UINT64_MAX, nothing = UINT64_MAX;
  for (int i = 0; i < 50; ++i) {
    uint64_t began = counter();
    uint64_t ended = counter();
    nothing = ended - began < nothing ? ended - began : nothing;
    began = counter();
    spin(rounds);
    ended = counter();
    best = ended - began < best ? ended - began : best;
  }
  cost_of_counting = nothing;
  units_of_instruction = (double)(best - nothing) / (2.0 * rounds);
}

static void fail(const char* what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

static int is_wanted(const char* name) {
  if (wanted[0] == NULL) return 1;
  for (char** each = wanted; *each != NULL; ++each) {
    if (strncmp(name, *each, strlen(*each)) == 0) return 1;
  }
  return 0;
}
