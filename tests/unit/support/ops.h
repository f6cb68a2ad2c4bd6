/* SPDX-License-Identifier: MIT */
/*
 * Model tests: sequences of operations at random, each done to the real thing
 * and to a flat model of it, which are then compared. A sequence that fails is
 * made as short as it gets, and printed as a TEST to paste.
 *
 *     static int op_add(const uint32_t *arg) { ... }
 *
 *     static const struct op_kind kinds[] = {
 *         [OP_ADD] = {"OP_ADD", 3, op_add},
 *     };
 *     static const struct model sums = {
 *         .name = "sums", .kinds = kinds, .kind_count = ARRAY_COUNT(kinds),
 *         .start = start, .check = check,
 *     };
 *
 *     TEST(sums_agree) { ops_random(&sums, 1, 500); }
 *
 * All that an operation chooses must come from its arguments, so that it is
 * the same when others before it are left out.
 */
#ifndef OPS_H
#define OPS_H

#include "types/words.h"

#define OP_ARGS 4

struct op {
    uint8_t kind;
    bool short_of_memory; /* see below */
    uint32_t arg[OP_ARGS];
};

/*
 * Returns 0 or -errno, and FAILs if something is wrong. If the operation is
 * short of memory its first page allocation fails, then, from the start again,
 * its second, and so on until it does not say -ENOMEM. Each time it must have
 * changed nothing: the model is not told, and check() compares.
 */
typedef int op_fn(const uint32_t arg[OP_ARGS]);

struct op_kind {
    const char *name; /* as the enum has it */
    unsigned weight;  /* how often, against the others */
    op_fn *run;
};

struct model {
    const char *name; /* of the variable */
    const struct op_kind *kinds;
    unsigned kind_count;
    bool may_be_short; /* one operation in four is short of memory */
    void (*start)(void);
    void (*check)(void);  /* after each operation */
    void (*finish)(void); /* NULL: nothing is left to do */
};

/* `count` operations by this seed, or that of UNIT_SEED; UNIT_LONG times as
 * many. */
void ops_random(const struct model *m, uint64_t seed, unsigned count);

/* Just these, in this process. */
void ops_replay(const struct model *m, const struct op *ops, unsigned count);

/* Leave out of a sequence that fails what it fails without; how many are
 * left, at the beginning of ops. 0: it does not fail. */
unsigned ops_shrink(const struct model *m, struct op *ops, unsigned count);

#endif
