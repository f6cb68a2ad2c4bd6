/* SPDX-License-Identifier: MIT */
/* Commands about virtual CPUs: vcpu-list, vcpu-set, vcpu-pin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmdtable.h"
#include "cpulist.h"
#include "domainarg.h"
#include "message.h"
#include "number.h"

#define CPULIST_TEXT_SIZE 256

/* ---- list -------------------------------------------------------------- */

static void print_affinity(const struct xc_cpus *hard,
                           const struct xc_cpus *soft, uint32_t cpus)
{
    char hard_text[CPULIST_TEXT_SIZE], soft_text[CPULIST_TEXT_SIZE];

    cpulist_format(hard, cpus, hard_text, sizeof(hard_text));
    cpulist_format(soft, cpus, soft_text, sizeof(soft_text));
    printf("  %s / %s\n", hard_text, soft_text);
}

static void print_vcpu(const char *name, const struct xc_domain *d,
                       const struct xc_vcpu *v)
{
    printf("%-32s %5u %5u", name, d->domid, v->vcpu);
    if (v->online) {
        printf("%5u %3c%c- ", v->pcpu, v->running ? 'r' : '-',
               v->blocked ? 'b' : '-');
    } else {
        printf("%5c %3c%cp ", '-', '-', '-');
    }
    printf("%9.1f", (double)v->cpu_time_ns / 1e9);
}

/* False after a message. */
static bool print_vcpus(struct xc *xc, const struct xc_domain *d, uint32_t cpus)
{
    char name[XC_NAME_MAX];

    domain_name_of(xc, d->domid, name);
    for (uint32_t i = 0; i < d->max_vcpus; i++) {
        struct xc_cpus hard, soft;
        struct xc_vcpu v;

        if (xc_vcpu_info(xc, d->domid, i, &v) ||
            xc_vcpu_affinity(xc, d->domid, i, &hard, &soft)) {
            failed(xc, "vCPU %u of domain '%s'", i, name);
            return false;
        }
        print_vcpu(name, d, &v);
        print_affinity(&hard, &soft, cpus);
    }
    return true;
}

int cmd_vcpu_list(struct xc *xc, const struct args *args)
{
    struct xc_domain *list;
    struct xc_host host;
    size_t count;
    bool ok = true;

    if (xc_host_info(xc, &host)) {
        return failed(xc, "cannot ask for the host's CPUs");
    }
    if (!domain_select(xc, args, &list, &count)) {
        return XL_FAILED;
    }
    printf("%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU",
           "State", "Time(s)", "Affinity (Hard / Soft)");
    for (size_t i = 0; i < count && ok; i++) {
        ok = print_vcpus(xc, &list[i], host.cpus);
    }
    free(list);
    return ok ? XL_OK : XL_FAILED;
}

/* ---- set --------------------------------------------------------------- */

int cmd_vcpu_set(struct xc *xc, const struct args *args)
{
    uint32_t domid, count;

    if (!number_argument(args->words[1], &count) ||
        !domain_find(xc, args->words[0], &domid)) {
        return XL_FAILED;
    }
    if (xc_vcpu_set(xc, domid, count)) {
        return failed(xc, "cannot set the vCPUs of '%s' to %u", args->words[0],
                      count);
    }
    return XL_OK;
}

/* ---- pin --------------------------------------------------------------- */

/* What is to be done, from the command's words. */
struct pin {
    uint32_t domid;
    uint32_t first, last; /* vCPUs */
    struct xc_cpus hard, soft;
    bool set_hard, set_soft, force;
};

/* "-" leaves it as it is. False after a message. */
static bool cpus_argument(const char *text, const struct cpulist_host *host,
                          struct xc_cpus *cpus, bool *given)
{
    char why[CPULIST_ERROR_SIZE];

    *given = strcmp(text, "-") != 0;
    if (*given && cpulist_parse(text, host, cpus, why)) {
        error("CPUs '%s': %s", text, why);
        return false;
    }
    return true;
}

static bool pin_read_cpus(struct pin *pin, struct xc *xc,
                          const struct args *args)
{
    struct cpulist_host host;
    const char *soft = args->word_count > 3 ? args->words[3] : "-";
    bool ok;

    if (!cpulist_host_read(xc, &host)) {
        return false;
    }
    ok = cpus_argument(args->words[2], &host, &pin->hard, &pin->set_hard) &&
         cpus_argument(soft, &host, &pin->soft, &pin->set_soft);
    free(host.cpus);
    return ok;
}

/* A vCPU that the domain has, or all. False after a message. */
static bool pin_read_vcpus(struct pin *pin, struct xc *xc,
                           const struct args *args)
{
    struct xc_domain info;

    if (xc_domain_info(xc, pin->domid, &info)) {
        failed(xc, "domain '%s'", args->words[0]);
        return false;
    }
    pin->last = info.max_vcpus - 1;
    if (!strcmp(args->words[1], "all")) {
        return true;
    }
    if (!number_argument(args->words[1], &pin->first)) {
        return false;
    }
    if (pin->first > pin->last) {
        error("there is no vCPU %u in '%s'; it has 0 to %u", pin->first,
              args->words[0], pin->last);
        return false;
    }
    pin->last = pin->first;
    return true;
}

static bool pin_read(struct pin *pin, struct xc *xc, const struct args *args)
{
    memset(pin, 0, sizeof(*pin));
    pin->force = arg_given(args, 'f');
    return domain_find(xc, args->words[0], &pin->domid) &&
           pin_read_vcpus(pin, xc, args) && pin_read_cpus(pin, xc, args);
}

int cmd_vcpu_pin(struct xc *xc, const struct args *args)
{
    struct pin pin;

    if (!pin_read(&pin, xc, args)) {
        return XL_FAILED;
    }
    if (pin.force && pin.first != pin.last) {
        error("-f is for one vCPU at a time");
        return XL_FAILED;
    }
    for (uint32_t v = pin.first; v <= pin.last; v++) {
        if (xc_vcpu_pin(xc, pin.domid, v, pin.set_hard ? &pin.hard : NULL,
                        pin.set_soft ? &pin.soft : NULL, pin.force)) {
            return failed(xc, "cannot pin vCPU %u of '%s'", v, args->words[0]);
        }
    }
    return XL_OK;
}
