/* SPDX-License-Identifier: MIT */
/*
 * Each trial of a sequence is a process of its own, as each TEST is. Shrinking
 * is delta debugging: leave out ever smaller pieces for as long as it still
 * fails, then set to zero the arguments that do not matter.
 */
#include "ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "types/error.h"
#include "unit.h"

#define FAIL_LIMIT    64 /* allocations of one operation; then it is real */
#define TRIAL_SECONDS 20
/* A TEST has 120 seconds, or UNIT_LONG times as many; what is not shrunk by
 * then is said as it is. */
#define SHRINK_SECONDS 60

/* Shared with trials: the operation that they are at. */
static unsigned *place;
static time_t give_up;

static int run_short(const struct model *m, const struct op *op)
{
    int rc = -ENOMEM;

    for (unsigned n = 1; n <= FAIL_LIMIT && rc == -ENOMEM; n++) {
        page_alloc_fail_nth(n);
        rc = m->kinds[op->kind].run(op->arg);
        page_alloc_fail_nth(0);
        m->check();
    }
    return rc;
}

void ops_replay(const struct model *m, const struct op *ops, unsigned count)
{
    m->start();
    for (unsigned i = 0; i < count; i++) {
        if (place) {
            *place = i;
        }
        if (ops[i].short_of_memory) {
            run_short(m, &ops[i]);
        } else {
            m->kinds[ops[i].kind].run(ops[i].arg);
            m->check();
        }
    }
    if (m->finish) {
        m->finish();
    }
}

/* Not to be heard: what counts is said when the shortest is run again. */
static noreturn_fn void trial(const struct model *m, const struct op *ops,
                              unsigned count)
{
    if (!freopen("/dev/null", "w", stderr)) {
        abort();
    }
    alarm(TRIAL_SECONDS * unit_long());
    ops_replay(m, ops, count);
    exit(0);
}

static bool fails(const struct model *m, const struct op *ops, unsigned count)
{
    pid_t child;
    int status;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        trial(m, ops, count);
    }
    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    return status != 0;
}

static bool has_time(void)
{
    return time(NULL) < give_up;
}

/* Without [from, from + length). */
static bool fails_without(const struct model *m, const struct op *ops,
                          unsigned count, unsigned from, unsigned length,
                          struct op *rest)
{
    memcpy(rest, ops, from * sizeof(*ops));
    memcpy(rest + from, ops + from + length,
           (count - from - length) * sizeof(*ops));
    return fails(m, rest, count - length);
}

static unsigned leave_out(const struct model *m, struct op *ops, unsigned count,
                          struct op *rest)
{
    for (unsigned length = count / 2; length; length /= 2) {
        for (unsigned at = 0; at + length <= count && has_time();) {
            if (fails_without(m, ops, count, at, length, rest)) {
                count -= length;
                memcpy(ops, rest, count * sizeof(*ops));
            } else {
                at += length;
            }
        }
    }
    return count;
}

static void simplify(const struct model *m, struct op *ops, unsigned count)
{
    for (unsigned i = 0; i < count * OP_ARGS && has_time(); i++) {
        uint32_t *arg = &ops[i / OP_ARGS].arg[i % OP_ARGS], old = *arg;

        if (old) {
            *arg = 0;
            *arg = fails(m, ops, count) ? 0 : old;
        }
    }
}

unsigned ops_shrink(const struct model *m, struct op *ops, unsigned count)
{
    struct op *rest = calloc(count + 1, sizeof(*rest));

    EXPECT(rest);
    give_up = time(NULL) + SHRINK_SECONDS * (time_t)unit_long();
    if (!place) {
        place = mmap(NULL, sizeof(*place), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        EXPECT(place != MAP_FAILED);
    }
    if (fails(m, ops, count)) {
        count = count ? *place + 1 : 0;
        count = leave_out(m, ops, count, rest);
        simplify(m, ops, count);
    } else {
        count = 0;
    }
    free(rest);
    return count;
}

static void print(const struct model *m, const struct op *ops, unsigned count)
{
    fprintf(stderr, "TEST(shrunk)\n{\n    static const struct op ops[] = {\n");
    for (unsigned i = 0; i < count; i++) {
        const struct op *op = &ops[i];

        fprintf(stderr, "        {%s, %s, {%#x, %#x, %#x, %#x}},\n",
                m->kinds[op->kind].name, op->short_of_memory ? "true" : "false",
                op->arg[0], op->arg[1], op->arg[2], op->arg[3]);
    }
    fprintf(stderr,
            "    };\n\n    ops_replay(&%s, ops, ARRAY_COUNT(ops));\n}\n",
            m->name);
}

static uint8_t choose_kind(const struct model *m, uint64_t *random)
{
    unsigned all = 0, pick, kind = 0;

    for (unsigned i = 0; i < m->kind_count; i++) {
        all += m->kinds[i].weight;
    }
    pick = unit_random_below(random, all);
    while (pick >= m->kinds[kind].weight) {
        pick -= m->kinds[kind++].weight;
    }
    return kind;
}

static struct op choose(const struct model *m, uint64_t *random)
{
    struct op op = {.kind = choose_kind(m, random)};

    op.short_of_memory = m->may_be_short && unit_random_below(random, 4) == 0;
    for (unsigned i = 0; i < OP_ARGS; i++) {
        op.arg[i] = unit_random(random);
    }
    return op;
}

void ops_random(const struct model *m, uint64_t seed, unsigned count)
{
    uint64_t random = unit_seed(seed);
    struct op *ops;

    count *= unit_long();
    ops = calloc(count, sizeof(*ops));
    EXPECT(ops);
    for (unsigned i = 0; i < count; i++) {
        ops[i] = choose(m, &random);
    }
    count = ops_shrink(m, ops, count);
    if (count) {
        print(m, ops, count);
        ops_replay(m, ops, count);
        FAIL("%s fails, but not in this process", m->name);
    }
    free(ops);
}
