/* SPDX-License-Identifier: MIT */
/*
 * The top command: a picture of all domains, drawn again every few seconds,
 * or printed again and again in batch mode, for programs to read.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmdtable.h"
#include "domainarg.h"
#include "message.h"
#include "number.h"
#include "screen.h"
#include "topview.h"

#define DELAY_DEFAULT 3     /* seconds */
#define DELAY_MAX     86400 /* a day */

struct top {
    struct xc *xc;
    struct top_sample before, now;
    enum top_order order;
    uint32_t delay, rounds; /* rounds 0: without end */
    bool batch;
};

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fill_domain(struct xc *xc, struct top_domain *t)
{
    domain_name_of(xc, t->info.domid, t->name);
    if (t->info.domid == 0 || xc_pod_info(xc, t->info.domid, &t->pod)) {
        memset(&t->pod, 0, sizeof(t->pod));
    }
}

/* XL_FAILED after a message. */
static int sample_take(struct xc *xc, struct top_sample *s)
{
    struct xc_domain *list;

    memset(s, 0, sizeof(*s));
    if (xc_host_info(xc, &s->host) || xc_domain_list(xc, &list, &s->count)) {
        return failed(xc, "cannot look at the domains");
    }
    s->time_ns = clock_ns();
    s->domains = must_realloc(NULL, (s->count + 1) * sizeof(*s->domains));
    for (size_t i = 0; i < s->count; i++) {
        s->domains[i].info = list[i];
        fill_domain(xc, &s->domains[i]);
    }
    free(list);
    return XL_OK;
}

static void print_picture(const struct top *top)
{
    if (top->batch) {
        top_print(stdout, &top->before, &top->now, top->order, 0);
        fflush(stdout);
    } else {
        screen_clear();
        top_print(stdout, &top->before, &top->now, top->order,
                  screen_lines() - 1);
    }
}

/* Until the next picture. False when the user has seen enough. */
static bool pause_or_key(struct top *top)
{
    if (top->batch) {
        sleep(top->delay);
        return true;
    }
    switch (screen_wait((int)top->delay * 1000)) {
    case 'q':
    case 'Q':
    case SCREEN_END:
        return false;
    case 'c':
        top->order = TOP_BY_CPU;
        return true;
    case 'm':
        top->order = TOP_BY_MEMORY;
        return true;
    case 'i':
        top->order = TOP_BY_ID;
        return true;
    default:
        return true;
    }
}

static int run(struct top *top)
{
    for (uint32_t round = 1;; round++) {
        if (sample_take(top->xc, &top->now) != XL_OK) {
            return XL_FAILED;
        }
        print_picture(top);
        free(top->before.domains);
        top->before = top->now;
        memset(&top->now, 0, sizeof(top->now));
        if (round == top->rounds || ferror(stdout) || !pause_or_key(top)) {
            return XL_OK;
        }
    }
}

/* The number of an option; `number` stays if it was not given. */
static bool number_option(const struct args *args, char letter, uint32_t min,
                          uint32_t max, uint32_t *number)
{
    const char *text = args->value[(unsigned char)letter];

    if (!text) {
        return true;
    }
    if (!number_argument(text, number)) {
        return false;
    }
    if (*number < min || *number > max) {
        error("-%c %s: expected a number from %u to %u", letter, text, min,
              max);
        return false;
    }
    return true;
}

int cmd_top(struct xc *xc, const struct args *args)
{
    struct top top = {
        .xc = xc,
        .delay = DELAY_DEFAULT,
        .batch = arg_given(args, 'b') || !screen_is_there(),
    };
    int status;

    if (!number_option(args, 'd', 1, DELAY_MAX, &top.delay) ||
        !number_option(args, 'n', 1, UINT32_MAX, &top.rounds)) {
        return XL_FAILED;
    }
    if (!top.batch) {
        screen_open();
    }
    status = run(&top);
    if (!top.batch) {
        screen_close();
    }
    free(top.before.domains); /* `now` is always handed on to it */
    return status;
}
