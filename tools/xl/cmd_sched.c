/* SPDX-License-Identifier: MIT */
/* The sched-credit2 command: weights, caps, the rate limit. The layout is
 * xl's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"
#include "number.h"
#include "poolarg.h"

enum {
    WEIGHT_MAX = 65535,
    CAP_PER_VCPU = 100, /* percent */
    RATELIMIT_MIN = 100,
    RATELIMIT_MAX = 500000, /* microseconds */
};

/* ---- showing ----------------------------------------------------------- */

static bool print_share(struct xc *xc, uint32_t domid)
{
    char name[XC_NAME_MAX];
    struct xc_share share;

    if (xc_share_get(xc, domid, &share)) {
        failed(xc, "domain %u", domid);
        return false;
    }
    domain_name_of(xc, domid, name);
    printf("%-33s %4u %6u %4u\n", name, domid, share.weight, share.cap);
    return true;
}

static void print_heading(void)
{
    printf("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

static bool print_pool(struct xc *xc, const struct xc_cpupool *pool,
                       void *context)
{
    uint32_t us;

    if (xc_ratelimit_get(xc, pool->id, &us)) {
        failed(xc, "CPU pool '%s'", pool->name);
        return false;
    }
    printf("Cpupool %s: ratelimit=%uus\n", pool->name, us);
    return true;
}

static bool print_domains(struct xc *xc, const struct xc_cpupool *pool,
                          void *context)
{
    static const struct args all = {.word_count = 0};
    struct xc_domain *list;
    size_t count;
    bool ok;

    if (!print_pool(xc, pool, context) ||
        !domain_select(xc, &all, &list, &count)) {
        return false;
    }
    print_heading();
    ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        if (list[i].cpupool == pool->id) {
            ok = print_share(xc, list[i].domid);
        }
    }
    free(list);
    return ok;
}

/* ---- changing ---------------------------------------------------------- */

/* The value of an option, from `min` to `max`. False after a message. */
static bool option_value(const struct args *args, char letter, const char *what,
                         uint32_t min, uint32_t max, uint32_t *value)
{
    if (!number_argument(args->value[(unsigned char)letter], value)) {
        return false;
    }
    if (*value < min || *value > max) {
        error("%s is %u; expected %u to %u", what, *value, min, max);
        return false;
    }
    return true;
}

static bool read_share(struct xc *xc, const struct args *args, uint32_t domid,
                       struct xc_share *share)
{
    struct xc_domain info;
    uint32_t weight, cap;

    if (xc_share_get(xc, domid, share) || xc_domain_info(xc, domid, &info)) {
        failed(xc, "domain %u", domid);
        return false;
    }
    weight = share->weight;
    cap = share->cap;
    if ((arg_given(args, 'w') &&
         !option_value(args, 'w', "the weight", 1, WEIGHT_MAX, &weight)) ||
        (arg_given(args, 'c') &&
         !option_value(args, 'c', "the cap", 0, info.max_vcpus * CAP_PER_VCPU,
                       &cap))) {
        return false;
    }
    share->weight = (uint16_t)weight;
    share->cap = (uint16_t)cap;
    return true;
}

static int domain_share(struct xc *xc, const struct args *args)
{
    struct xc_share share;
    uint32_t domid;

    if (!domain_find(xc, args->value['d'], &domid)) {
        return XL_FAILED;
    }
    if (!arg_given(args, 'w') && !arg_given(args, 'c')) {
        print_heading();
        return print_share(xc, domid) ? XL_OK : XL_FAILED;
    }
    if (!read_share(xc, args, domid, &share)) {
        return XL_FAILED;
    }
    if (xc_share_set(xc, domid, &share)) {
        return failed(xc, "cannot change '%s'", args->value['d']);
    }
    return XL_OK;
}

static int set_ratelimit(struct xc *xc, const struct args *args,
                         const char *wanted)
{
    struct xc_cpupool pool;
    uint32_t us, from = 0;

    if (!number_argument(args->value['r'], &us)) {
        return XL_FAILED;
    }
    if (us && (us < RATELIMIT_MIN || us > RATELIMIT_MAX)) {
        error("the rate limit is %u; expected 0, or %u to %u microseconds", us,
              RATELIMIT_MIN, RATELIMIT_MAX);
        return XL_FAILED;
    }
    while (!xc_cpupool_next(xc, from, &pool)) {
        if (wanted ? !strcmp(wanted, pool.name) : !pool.id) {
            return xc_ratelimit_set(xc, pool.id, us)
                       ? failed(xc, "CPU pool '%s'", pool.name)
                       : XL_OK;
        }
        from = pool.id + 1;
    }
    error("CPU pool '%s' does not exist", wanted ? wanted : "Pool-0");
    return XL_FAILED;
}

/* False after a message: options that do not go together. */
static bool options_are_consistent(const struct args *args)
{
    bool domain = arg_given(args, 'd');
    bool share = arg_given(args, 'w') || arg_given(args, 'c');

    if (arg_given(args, 'p') && (domain || share)) {
        error("-p does not go with -d, -w or -c");
    } else if (arg_given(args, 's') && (domain || share)) {
        error("-s does not go with -d, -w or -c");
    } else if (share && !domain) {
        error("-w and -c need -d, which says of which domain");
    } else if (arg_given(args, 'r') && !arg_given(args, 's')) {
        error("-r needs -s");
    } else {
        return true;
    }
    return false;
}

int cmd_sched_credit2(struct xc *xc, const struct args *args)
{
    const char *pool = arg_given(args, 'p') ? args->value['p'] : NULL;

    if (!options_are_consistent(args)) {
        return XL_FAILED;
    }
    if (arg_given(args, 'd')) {
        return domain_share(xc, args);
    }
    if (arg_given(args, 'r')) {
        return set_ratelimit(xc, args, pool);
    }
    return pool_each(xc, pool,
                     arg_given(args, 's') ? print_pool : print_domains, NULL);
}
