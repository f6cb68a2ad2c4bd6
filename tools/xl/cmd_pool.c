/* SPDX-License-Identifier: MIT */
/* The cpupool-list command, in xl's own layout. */
#include <stdio.h>

#include "cmdtable.h"
#include "poolarg.h"

static uint32_t count_cpus(const struct xc_cpus *cpus)
{
    uint32_t count = 0;

    for (uint32_t cpu = 0; cpu < XC_CPUS_MAX; cpu++) {
        count += xc_cpus_has(cpus, cpu);
    }
    return count;
}

static void print_numbers(const struct xc_cpus *cpus)
{
    const char *comma = "";

    for (uint32_t cpu = 0; cpu < XC_CPUS_MAX; cpu++) {
        if (xc_cpus_has(cpus, cpu)) {
            printf("%s%u", comma, cpu);
            comma = ",";
        }
    }
}

static void print_heading(bool cpus)
{
    printf("%-19s%s\n", "Name",
           cpus ? "CPU list" : "CPUs   Sched     Active   Domain count");
}

/* What has been shown, and how. */
struct listing {
    bool cpus, any;
};

static bool print_pool(struct xc *xc, const struct xc_cpupool *pool,
                       void *context)
{
    struct listing *listing = context;

    if (!listing->any) {
        print_heading(listing->cpus);
        listing->any = true;
    }
    printf("%-19s", pool->name);
    if (listing->cpus) {
        print_numbers(&pool->cpus);
        putchar('\n');
    } else {
        printf("%3u %9s       y       %4u\n", count_cpus(&pool->cpus),
               pool->scheduler, pool->domain_count);
    }
    return true;
}

int cmd_cpupool_list(struct xc *xc, const struct args *args)
{
    struct listing listing = {.cpus = arg_given(args, 'c')};

    return pool_each(xc, args->word_count ? args->words[0] : NULL, print_pool,
                     &listing);
}
