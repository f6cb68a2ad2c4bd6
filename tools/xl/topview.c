/* SPDX-License-Identifier: MIT */
/*
 * What top shows. The first columns are those that people and scripts know
 * from other hosts; the two after them are about promised memory.
 *
 * Rows are sorted through a list of indexes, because the sample is what the
 * next one will be compared with.
 */
#include "topview.h"

#include <stdlib.h>
#include <time.h>

#include "message.h"

#define HEADING_LINES 4

struct row {
    size_t index;
    double percent;
    uint64_t memory_kib;
};

static const struct top_domain *find(const struct top_sample *s, uint32_t domid)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->domains[i].info.domid == domid) {
            return &s->domains[i];
        }
    }
    return NULL;
}

double top_cpu_percent(const struct top_sample *before,
                       const struct top_sample *now, size_t index)
{
    const struct xc_domain *d = &now->domains[index].info;
    const struct top_domain *old = find(before, d->domid);

    /* A number that was used again belongs to another domain. */
    if (!old || old->info.cpu_time_ns > d->cpu_time_ns ||
        now->time_ns <= before->time_ns) {
        return 0;
    }
    return 100.0 * (double)(d->cpu_time_ns - old->info.cpu_time_ns) /
           (double)(now->time_ns - before->time_ns);
}

static int by_cpu(const void *a, const void *b)
{
    double x = ((const struct row *)a)->percent;
    double y = ((const struct row *)b)->percent;

    return x < y ? 1 : x > y ? -1 : 0;
}

static int by_memory(const void *a, const void *b)
{
    uint64_t x = ((const struct row *)a)->memory_kib;
    uint64_t y = ((const struct row *)b)->memory_kib;

    return x < y ? 1 : x > y ? -1 : 0;
}

static struct row *make_rows(const struct top_sample *before,
                             const struct top_sample *now, enum top_order order)
{
    struct row *rows = must_realloc(NULL, (now->count + 1) * sizeof(*rows));

    for (size_t i = 0; i < now->count; i++) {
        rows[i] = (struct row){
            .index = i,
            .percent = top_cpu_percent(before, now, i),
            .memory_kib = now->domains[i].info.current_kib,
        };
    }
    if (order == TOP_BY_CPU) {
        qsort(rows, now->count, sizeof(*rows), by_cpu);
    } else if (order == TOP_BY_MEMORY) {
        qsort(rows, now->count, sizeof(*rows), by_memory);
    }
    return rows;
}

static void print_counts(FILE *out, const struct top_sample *now)
{
    unsigned int running = 0, blocked = 0, paused = 0, crashed = 0, dying = 0,
                 shutdown = 0;

    for (size_t i = 0; i < now->count; i++) {
        const struct xc_domain *d = &now->domains[i].info;
        bool crash = d->shutdown && d->shutdown_code == XC_SHUTDOWN_CRASH;

        dying += d->dying;
        crashed += !d->dying && crash;
        shutdown += !d->dying && d->shutdown && !crash;
        paused += d->paused;
        running += !d->paused && d->running;
        blocked += !d->paused && !d->running && d->blocked;
    }
    fprintf(out,
            "%zu domain%s: %u running, %u blocked, %u paused, %u crashed, %u "
            "dying, %u shutdown\n",
            now->count, now->count == 1 ? "" : "s", running, blocked, paused,
            crashed, dying, shutdown);
}

static void print_heading(FILE *out, const struct top_sample *now)
{
    const struct xc_host *h = &now->host;
    time_t clock = time(NULL);
    char text[16];

    strftime(text, sizeof(text), "%H:%M:%S", localtime(&clock));
    fprintf(out, "xl top - %s\n", text);
    print_counts(out, now);
    fprintf(out, "Mem: %luk total, %luk used, %luk free    CPUs: %u @ %luMHz\n",
            (unsigned long)h->total_kib,
            (unsigned long)(h->total_kib - h->free_kib),
            (unsigned long)h->free_kib, h->cpus,
            (unsigned long)(h->cpu_khz / 1000));
    fprintf(out, "%15s  %6s %10s %6s %10s %6s %10s %9s %5s %11s %10s\n", "NAME",
            "STATE", "CPU(sec)", "CPU(%)", "MEM(k)", "MEM(%)", "MAXMEM(k)",
            "MAXMEM(%)", "VCPUS", "PROMISED(k)", "DEFICIT(k)");
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_row(FILE *out, const struct top_sample *now,
                      const struct row *row)
{
    const struct top_domain *t = &now->domains[row->index];
    const struct xc_domain *d = &t->info;
    uint64_t total = now->host.total_kib;
    bool crash = d->shutdown && d->shutdown_code == XC_SHUTDOWN_CRASH;

    fprintf(out, "%15.15s  %c%c%c%c%c%c %10lu %6.1f %10lu %6.1f", t->name,
            d->dying ? 'd' : '-', d->shutdown ? 's' : '-',
            d->blocked ? 'b' : '-', crash ? 'c' : '-', d->paused ? 'p' : '-',
            d->running ? 'r' : '-',
            (unsigned long)(d->cpu_time_ns / 1000000000), row->percent,
            (unsigned long)d->current_kib, share(d->current_kib, total));
    /* Domain 0 may well be allowed everything. */
    if (d->max_kib >= total) {
        fprintf(out, " %10s %9s", "no limit", "n/a");
    } else {
        fprintf(out, " %10lu %9.1f", (unsigned long)d->max_kib,
                share(d->max_kib, total));
    }
    fprintf(out, " %5u %11lu %10lu\n", d->online_vcpus,
            (unsigned long)t->pod.promised_kib,
            (unsigned long)t->pod.deficit_kib);
}

void top_print(FILE *out, const struct top_sample *before,
               const struct top_sample *now, enum top_order order,
               unsigned int lines)
{
    struct row *rows = make_rows(before, now, order);
    size_t count = now->count;

    if (lines && count + HEADING_LINES > lines) {
        count = lines > HEADING_LINES ? lines - HEADING_LINES : 0;
    }
    print_heading(out, now);
    for (size_t i = 0; i < count; i++) {
        print_row(out, now, &rows[i]);
    }
    free(rows);
}
