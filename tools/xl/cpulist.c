/* SPDX-License-Identifier: MIT */
/*
 * Sets of the host's CPUs as a user writes them.
 *
 * Items are taken from left to right, so that "all,^1" is all but CPU 1 and
 * "^1,all" is all. A number that no CPU has is an error and not an empty item:
 * who wrote it believes in another host.
 */
#include "cpulist.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domainarg.h"

struct parser {
    const char *at;
    const struct cpulist_host *host;
    struct xc_cpus *cpus;
    char *error;
};

struct range {
    uint32_t first, last;
};

static int fail(struct parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct parser *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->error, CPULIST_ERROR_SIZE, format, args);
    va_end(args);
    return -EINVAL;
}

static bool take(struct parser *p, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(p->at, word, length) != 0) {
        return false;
    }
    p->at += length;
    return true;
}

static void put_cpu(struct xc_cpus *cpus, uint32_t cpu, bool member)
{
    uint8_t bit = (uint8_t)(1u << cpu % 8);

    if (member) {
        cpus->bits[cpu / 8] |= bit;
    } else {
        cpus->bits[cpu / 8] &= (uint8_t)~bit;
    }
}

static int read_number(struct parser *p, uint32_t *number)
{
    unsigned long value;
    char *end;

    if (!isdigit((unsigned char)*p->at)) {
        int length = (int)strcspn(p->at, ",");

        return length
                   ? fail(p, "found '%.*s'; expected a number", length, p->at)
                   : fail(p, "a number is missing");
    }
    value = strtoul(p->at, &end, 10);
    if (value >= XC_CPUS_MAX) {
        return fail(p, "%lu is not a CPU's number; the last one is %u", value,
                    XC_CPUS_MAX - 1);
    }
    p->at = end;
    *number = (uint32_t)value;
    return 0;
}

static int read_range(struct parser *p, struct range *r)
{
    int rc = read_number(p, &r->first);

    if (rc) {
        return rc;
    }
    r->last = r->first;
    if (take(p, "-")) {
        rc = read_number(p, &r->last);
    }
    if (!rc && r->last < r->first) {
        rc = fail(p, "%u-%u runs backwards", r->first, r->last);
    }
    return rc;
}

static bool cpu_exists(const struct cpulist_host *host, uint32_t cpu)
{
    return cpu < host->count && host->cpus[cpu].exists;
}

static int put_range(struct parser *p, const struct range *r, bool member)
{
    for (uint32_t cpu = r->first; cpu <= r->last; cpu++) {
        if (p->host && !cpu_exists(p->host, cpu)) {
            return fail(p, "there is no CPU %u; this host has 0 to %u", cpu,
                        p->host->count - 1);
        }
        put_cpu(p->cpus, cpu, member);
    }
    return 0;
}

static int put_nodes(struct parser *p, const struct range *r, bool member)
{
    bool any = !p->host;

    for (uint32_t cpu = 0; p->host && cpu < p->host->count; cpu++) {
        uint32_t node = p->host->cpus[cpu].node;

        if (cpu_exists(p->host, cpu) && node >= r->first && node <= r->last) {
            put_cpu(p->cpus, cpu, member);
            any = true;
        }
    }
    return any ? 0 : fail(p, "there is no CPU in node %u", r->first);
}

static int put_all(struct parser *p, bool member)
{
    uint32_t count = p->host ? p->host->count : XC_CPUS_MAX;

    for (uint32_t cpu = 0; cpu < count; cpu++) {
        put_cpu(p->cpus, cpu, member && (!p->host || cpu_exists(p->host, cpu)));
    }
    return 0;
}

static int parse_item(struct parser *p)
{
    bool member = !take(p, "^");
    struct range r = {0};
    bool nodes;
    int rc;

    if (take(p, "all")) {
        return put_all(p, member);
    }
    nodes = take(p, "nodes:") || take(p, "node:");
    rc = read_range(p, &r);
    if (rc) {
        return rc;
    }
    return nodes ? put_nodes(p, &r, member) : put_range(p, &r, member);
}

static bool is_empty(const struct xc_cpus *cpus)
{
    static const struct xc_cpus none;

    return !memcmp(cpus, &none, sizeof(none));
}

int cpulist_parse(const char *text, const struct cpulist_host *host,
                  struct xc_cpus *cpus, char error[CPULIST_ERROR_SIZE])
{
    struct parser p = {.at = text, .host = host, .cpus = cpus, .error = error};

    memset(cpus, 0, sizeof(*cpus));
    do {
        int rc;

        p.at += strspn(p.at, " ");
        rc = parse_item(&p);
        if (rc) {
            return rc;
        }
        p.at += strspn(p.at, " ");
    } while (take(&p, ","));
    if (*p.at) {
        return fail(&p, "found '%s'; expected a comma", p.at);
    }
    if (host && is_empty(cpus)) {
        return fail(&p, "no CPU is left");
    }
    return 0;
}

static bool all_members(const struct xc_cpus *cpus, uint32_t count)
{
    for (uint32_t cpu = 0; cpu < count; cpu++) {
        if (!xc_cpus_has(cpus, cpu)) {
            return false;
        }
    }
    return count > 0;
}

static size_t append(char *text, size_t size, size_t used, const char *comma,
                     const struct range *r)
{
    int length;

    if (used >= size) {
        return used;
    }
    if (r->first == r->last) {
        length = snprintf(text + used, size - used, "%s%u", comma, r->first);
    } else {
        length = snprintf(text + used, size - used, "%s%u-%u", comma, r->first,
                          r->last);
    }
    return used + (size_t)length;
}

void cpulist_format_numbers(const struct xc_cpus *cpus, uint32_t count,
                            char *text, size_t size)
{
    size_t used = 0;

    snprintf(text, size, "none");
    for (uint32_t cpu = 0; cpu < count; cpu++) {
        struct range r = {.first = cpu};

        if (!xc_cpus_has(cpus, cpu)) {
            continue;
        }
        while (cpu + 1 < count && xc_cpus_has(cpus, cpu + 1)) {
            cpu++;
        }
        r.last = cpu;
        used = append(text, size, used, used ? "," : "", &r);
    }
}

void cpulist_format(const struct xc_cpus *cpus, uint32_t count, char *text,
                    size_t size)
{
    if (all_members(cpus, count)) {
        snprintf(text, size, "all");
    } else {
        cpulist_format_numbers(cpus, count, text, size);
    }
}

bool cpulist_host_read(struct xc *xc, struct cpulist_host *host)
{
    if (xc_host_cpus(xc, &host->cpus, &host->count)) {
        failed(xc, "cannot ask for the host's CPUs");
        return false;
    }
    if (host->count > XC_CPUS_MAX) {
        host->count = XC_CPUS_MAX;
    }
    return true;
}
