/* SPDX-License-Identifier: MIT */
/* The cpupool-list command, in xl's own layout. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"

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

static void print_pool(const struct xc_cpupool *pool, bool cpus)
{
    printf("%-19s", pool->name);
    if (cpus) {
        print_numbers(&pool->cpus);
        putchar('\n');
    } else {
        printf("%3u %9s       y       %4u\n", count_cpus(&pool->cpus),
               pool->scheduler, pool->domain_count);
    }
}

int cmd_cpupool_list(struct xc *xc, const struct args *args)
{
    const char *wanted = args->word_count ? args->words[0] : NULL;
    bool cpus = arg_given(args, 'c'), any = false;
    struct xc_cpupool pool;
    uint32_t from = 0;
    int rc;

    while (!(rc = xc_cpupool_next(xc, from, &pool))) {
        if (!wanted || !strcmp(wanted, pool.name)) {
            if (!any) {
                print_heading(cpus);
            }
            print_pool(&pool, cpus);
            any = true;
        }
        from = pool.id + 1;
    }
    if (rc != -ENOENT) {
        return failed(xc, "cannot list the CPU pools");
    }
    if (wanted && !any) {
        error("CPU pool '%s' does not exist", wanted);
        return XL_FAILED;
    }
    return XL_OK;
}
