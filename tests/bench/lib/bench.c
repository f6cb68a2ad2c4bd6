/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include "console.h"

void bench_report(const char *name, uint64_t value)
{
    print("bench: %s %lu\n", name, value);
}

void bench_note(struct bench *b, uint64_t value)
{
    if (!b->least_plus_one || value < b->least_plus_one) {
        b->least_plus_one = value + 1;
    }
}

void bench_end(const struct bench *b)
{
    bench_report(b->name, b->least_plus_one - 1);
}

void bench_loop(const char *name, void (*function)(void), unsigned count)
{
    struct bench b = {.name = name};

    for (unsigned round = 0; round < BENCH_ROUNDS; round++) {
        uint64_t start = rdtsc();

        for (unsigned i = 0; i < count; i++) {
            function();
        }
        bench_note(&b, (rdtsc() - start) / count);
    }
    bench_end(&b);
}
