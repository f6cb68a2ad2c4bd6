/* SPDX-License-Identifier: MIT */
/*
 * The scenarios S1 to S10 of the specification (POD-10.18..10.27), each run by
 * both sides, and what the proposals P1 to P17 say is to be counted.
 *
 * A figure is a line "figure: NAME SIDE VALUE"; tests/bench/bench knows what
 * each means. Nothing is random but by seed, so they are always the same.
 * They are not judged here: a TEST fails when books are wrong, or when one of
 * the sides did what no guest could have.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "side.h"
#include "unit.h"

static const struct side *const sides[] = {&xen_side, &podium_side};

void figure(const struct side *s, const char *name, double value)
{
    printf("figure: %s %s %.6g\n", name, s->name, value);
}

/* Each run has a process of its own, as it is a machine of its own. What it
 * returns is a small number. */
static unsigned apart(unsigned (*run)(const struct side *s, uint64_t arg),
                      const struct side *s, uint64_t arg)
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        exit((int)run(s, arg));
    }
    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) >= 97) {
        /* unit_fail() of the child has left the reason where it is found. */
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 97);
    }
    return (unsigned)WEXITSTATUS(status);
}

static void both(unsigned (*run)(const struct side *s, uint64_t arg),
                 uint64_t arg)
{
    for (unsigned i = 0; i < ARRAY_COUNT(sides); i++) {
        apart(run, sides[i], arg);
    }
}

static double ratio(uint64_t part, uint64_t of)
{
    return of ? (double)part / (double)of : 0;
}

static uint64_t reclaimed(const struct view *v)
{
    return v->c.reclaimed_4k + v->c.reclaimed_2m * REGION_PAGES;
}

static struct view view_of(const struct side *s)
{
    struct view v;

    s->look(&v);
    return v;
}

/* Pages [0, count) in the order in which so many vCPUs come to them, each of
 * which has a part of its own. */
static bool write_all(const struct side *s, uint64_t count, unsigned vcpus,
                      enum contents contents)
{
    uint64_t part = count / vcpus;

    for (uint64_t i = 0; i < part; i++) {
        for (unsigned v = 0; v < vcpus; v++) {
            if (!s->write(v * part + i, contents)) {
                return false;
            }
        }
    }
    return true;
}

static uint64_t *shuffled(uint64_t count, uint64_t seed)
{
    uint64_t *gfns = malloc(count * sizeof(*gfns));

    EXPECT(gfns);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t j = unit_random_below(&seed, i + 1);

        gfns[i] = gfns[j];
        gfns[j] = i;
    }
    return gfns;
}

/* `count` pages of those, in lists as long as a guest's frame list is. */
static uint64_t balloon_out(const struct side *s, const uint64_t *gfns,
                            uint64_t count)
{
    uint64_t done = 0;

    while (done < count) {
        unsigned some = (unsigned)MIN(count - done, REGION_PAGES);

        if (s->decrease_list(gfns + done, some) != some) {
            break;
        }
        done += some;
    }
    return done;
}

/* --- S1: scrub, then balloon (P4, P7, P8, P13) --- */

#define S1_PROMISED (1024 * MIB_PAGES)
#define S1_TARGET   (512 * MIB_PAGES)

static void name_of(char *name, const char *prefix, const char *what)
{
    snprintf(name, 64, "%s_%s", prefix, what);
}

static void put(const struct side *s, const char *prefix, const char *what,
                double value)
{
    char name[64];

    name_of(name, prefix, what);
    figure(s, name, value);
}

static void s1_figures(const struct side *s, const char *prefix,
                       const struct view *scrubbed)
{
    struct view v = view_of(s);

    put(s, prefix, "ended", v.ended);
    put(s, prefix, "flushes",
        ratio(scrubbed->c.tlb_flushes_reclaim, reclaimed(scrubbed)));
    put(s, prefix, "visited",
        ratio(scrubbed->c.sweep_gfns_visited + scrubbed->c.eager_checked,
              reclaimed(scrubbed)));
    put(s, prefix, "faults_that_read",
        ratio(scrubbed->faults_that_read, scrubbed->faults));
    put(s, prefix, "longest_fault", (double)scrubbed->longest_fault);
    put(s, prefix, "hold", (double)v.c.max_gfns_per_lock_hold);
    put(s, prefix, "cleared", ratio(v.c.pages_cleared, v.entered_cache));
    put(s, prefix, "superpages", (double)(v.mapped_2m + v.cached_2m));
    put(s, prefix, "orphans", (double)v.orphans);
}

static void read_what_is_left(const struct side *s, uint64_t count)
{
    for (uint64_t gfn = 0; gfn < count && !s->is_stuck(); gfn++) {
        if (s->is_promise(gfn)) {
            s->read(gfn);
        }
    }
}

static void scrub_then_balloon(const struct side *s, const char *prefix,
                               unsigned vcpus, enum contents contents)
{
    uint64_t *gfns = shuffled(S1_PROMISED, 1);
    struct view scrubbed;

    write_all(s, S1_PROMISED, vcpus, contents);
    scrubbed = view_of(s);
    if (!s->is_stuck()) {
        balloon_out(s, gfns, S1_PROMISED - S1_TARGET);
        read_what_is_left(s, S1_PROMISED);
    }
    s->audit();
    s1_figures(s, prefix, &scrubbed);
    free(gfns);
}

static void start_s1(const struct side *s)
{
    s->start(&(struct shape){
        .promised = S1_PROMISED, .target = S1_TARGET, .spare = 16 * MIB_PAGES});
}

static unsigned run_s1(const struct side *s, uint64_t vcpus)
{
    char prefix[16];

    snprintf(prefix, sizeof(prefix), "s1_%lu", vcpus);
    start_s1(s);
    scrub_then_balloon(s, prefix, (unsigned)vcpus, ZEROS);
    return 0;
}

TEST(s1_scrub_then_balloon)
{
    both(run_s1, 1);
    both(run_s1, 4);
    both(run_s1, 16);
}

/* The same, and another CPU has time whenever a page was written (P8). */
static unsigned run_s1_idle(const struct side *s, uint64_t arg)
{
    struct view v;

    start_s1(s);
    for (uint64_t gfn = 0; gfn < S1_PROMISED && s->write(gfn, ZEROS); gfn++) {
        if (gfn % 16 == 0) {
            s->be_idle();
        }
    }
    s->audit();
    v = view_of(s);
    figure(s, "s1_idle_faults_that_read", ratio(v.faults_that_read, v.faults));
    return 0;
}

TEST(s1_with_an_idle_cpu)
{
    both(run_s1_idle, 0);
}

/* A guest that has touched an eighth of its target gives the rest back (P14).
 */
static unsigned run_p14(const struct side *s, uint64_t arg)
{
    struct view before, v;

    start_s1(s);
    write_all(s, S1_TARGET / 8, 1, DATA);
    before = view_of(s);
    figure(s, "p14_calls", (double)s->give_back(S1_PROMISED - S1_TARGET));
    s->audit();
    v = view_of(s);
    figure(s, "p14_populated",
           (double)(v.c.populate_4k - before.c.populate_4k) +
               (double)(v.c.populate_2m - before.c.populate_2m) *
                   (double)REGION_PAGES);
    figure(s, "p14_superpages", (double)(v.mapped_2m + v.cached_2m));
    return 0;
}

TEST(p14_gives_back_what_it_never_touched)
{
    both(run_p14, 0);
}

/* --- S2: no balloon, and no zeros (P2, P9) --- */

static unsigned run_s2(const struct side *s, uint64_t arg)
{
    struct view v;

    start_s1(s);
    write_all(s, S1_PROMISED, 1, DATA);
    s->audit();
    v = view_of(s);
    figure(s, "s2_ended", v.ended);
    figure(s, "s2_pages", (double)(v.charged - v.cached));
    figure(s, "s2_hold", (double)v.c.max_gfns_per_lock_hold);
    figure(s, "s2_flushes", (double)v.c.tlb_flushes_reclaim);
    return 0;
}

TEST(s2_no_balloon)
{
    both(run_s2, 0);
}

/* --- S3: 16 GiB and hardly a zero page (P2, P5, P6) --- */

#define S3_PAGES    (16384 * MIB_PAGES)
#define S3_PROMISED (S3_PAGES + 8 * MIB_PAGES)
#define S3_ZEROS    419 /* 0.01 % */
#define S3_FAULTS   250

static void start_s3(const struct side *s)
{
    s->start(&(struct shape){
        .promised = S3_PROMISED, .target = S3_PAGES, .spare = 64 * MIB_PAGES});
    for (uint64_t gfn = 0; gfn < S3_PAGES; gfn += REGION_PAGES) {
        EXPECT(s->write(gfn, DATA));
        s->fill(gfn);
    }
}

static unsigned run_s3(const struct side *s, uint64_t arg)
{
    uint64_t seed = 3, faults = 0;
    struct view before, v;

    start_s3(s);
    for (unsigned i = 0; i < S3_ZEROS; i++) {
        s->clear(unit_random_below(&seed, S3_PAGES));
    }
    before = view_of(s);
    while (faults < S3_FAULTS && s->write(S3_PAGES + faults, DATA)) {
        faults++;
    }
    v = view_of(s);
    figure(s, "s3_faults", (double)faults);
    figure(s, "s3_visited",
           ratio(v.c.sweep_gfns_visited + v.c.eager_checked, reclaimed(&v)));
    figure(s, "s3_read",
           ratio(v.pages_read - before.pages_read, reclaimed(&v)));
    figure(s, "s3_hold", (double)v.c.max_gfns_per_lock_hold);
    figure(s, "s3_longest_fault", (double)v.longest_fault);
    return 0;
}

/* One region of zeros, in the middle; the search begins anywhere. */
static unsigned run_s3_region(const struct side *s, uint64_t arg)
{
    uint64_t middle = S3_PAGES / 2;
    struct view v;
    bool ok;

    start_s3(s);
    for (uint64_t i = 0; i < REGION_PAGES; i++) {
        s->clear(middle + i);
    }
    ok = s->write(S3_PAGES, DATA);
    v = view_of(s);
    figure(s, "s3_region_ended", !ok);
    figure(s, "s3_region_visited", (double)v.c.sweep_gfns_visited);
    figure(s, "s3_region_found", (double)reclaimed(&v));
    return 0;
}

/* The same once a search was in vain: nothing else is new to anybody. */
static unsigned run_s3_known(const struct side *s, uint64_t arg)
{
    uint64_t middle = S3_PAGES / 2;
    struct view before, v;

    start_s3(s);
    EXPECT(!s->write(S3_PAGES, DATA));
    s->revive();
    EXPECT(s->write(middle, ZEROS));
    for (uint64_t i = 1; i < REGION_PAGES; i++) {
        s->clear(middle + i);
    }
    before = view_of(s);
    EXPECT(s->write(S3_PAGES, DATA));
    v = view_of(s);
    figure(s, "s3_known_visited",
           (double)(v.c.sweep_gfns_visited - before.c.sweep_gfns_visited));
    return 0;
}

TEST(s3_sparse_zeros)
{
    both(run_s3, 0);
    both(run_s3_region, 0);
    both(run_s3_known, 0);
}

/* --- S4: pages that only begin with zeros (P3) --- */

#define S4_PROMISED (256 * MIB_PAGES)
#define S4_TARGET   (128 * MIB_PAGES)

static unsigned run_s4(const struct side *s, uint64_t arg)
{
    struct view v;

    s->start(&(struct shape){
        .promised = S4_PROMISED, .target = S4_TARGET, .spare = 16 * MIB_PAGES});
    write_all(s, S4_TARGET, 1, LATE);
    s->write(S4_TARGET, LATE);
    s->audit();
    v = view_of(s);
    figure(s, "s4_unmaps", (double)v.c.unmaps);
    figure(s, "s4_restored", (double)v.c.unmaps_restored);
    figure(s, "s4_split", (double)v.c.populate_2m - (double)v.mapped_2m);
    return 0;
}

TEST(s4_prefix_trap)
{
    both(run_s4, 0);
}

/* --- S5: a balloon that saws (P7) --- */

#define S5_PROMISED (128 * MIB_PAGES)
#define S5_TARGET   (64 * MIB_PAGES)
#define S5_ROUNDS   100

static void saw(const struct side *s, uint64_t seed)
{
    uint64_t quarter = S5_TARGET / 4, *gfns = shuffled(S5_TARGET, seed);

    EXPECT_EQ(balloon_out(s, gfns, quarter), quarter);
    for (uint64_t i = 0; i < quarter; i++) {
        EXPECT_EQ(s->populate(gfns[i], 0), 1);
    }
    free(gfns);
}

static unsigned run_s5(const struct side *s, uint64_t arg)
{
    struct view v;

    s->start(&(struct shape){
        .promised = S5_PROMISED, .target = S5_TARGET, .spare = 64 * MIB_PAGES});
    for (uint64_t gfn = S5_TARGET; gfn < S5_PROMISED; gfn += REGION_PAGES) {
        EXPECT_EQ(s->decrease(gfn, ORDER_2M), REGION_PAGES);
    }
    write_all(s, S5_TARGET, 1, DATA);
    for (unsigned i = 0; i < S5_ROUNDS; i++) {
        saw(s, i);
    }
    s->audit();
    v = view_of(s);
    figure(s, "s5_superpages", (double)(v.mapped_2m + v.cached_2m));
    figure(s, "s5_orphans", (double)v.orphans);
    return 0;
}

TEST(s5_sawtooth)
{
    both(run_s5, 0);
}

/* What a scrubbing guest has left of its superpages once it was ballooned down
 * by single pages and has grown to all that it was promised, and has had a
 * second to be idle in (P7). */
static unsigned run_grown(const struct side *s, uint64_t arg)
{
    uint64_t *gfns = shuffled(S5_PROMISED, 7);
    struct view v;

    s->start(&(struct shape){
        .promised = S5_PROMISED, .target = S5_TARGET, .spare = S5_PROMISED});
    write_all(s, S5_PROMISED, 1, ZEROS);
    EXPECT_EQ(balloon_out(s, gfns, S5_TARGET), S5_TARGET);
    for (uint64_t i = S5_TARGET; i < S5_PROMISED; i++) {
        EXPECT(s->write(gfns[i], DATA));
    }
    EXPECT_EQ(s->grow(S5_PROMISED), 0);
    for (uint64_t i = 0; i < S5_TARGET; i++) {
        EXPECT_EQ(s->populate(gfns[i], 0), 1);
    }
    for (unsigned i = 0; i < 1000; i++) {
        s->be_idle();
    }
    s->audit();
    v = view_of(s);
    figure(s, "grown_superpages", (double)(v.mapped_2m + v.cached_2m));
    free(gfns);
    return 0;
}

TEST(p7_grown_again)
{
    both(run_grown, 0);
}

/* --- S6: somebody reads all of it first (P11) --- */

#define S6_PROMISED (256 * MIB_PAGES)
#define S6_TARGET   (128 * MIB_PAGES)

static unsigned run_s6(const struct side *s, uint64_t arg)
{
    uint64_t gfn = 0;
    struct view before, v;

    s->start(&(struct shape){
        .promised = S6_PROMISED, .target = S6_TARGET, .spare = 16 * MIB_PAGES});
    before = view_of(s);
    while (gfn < S6_PROMISED && s->foreign_read(gfn)) {
        gfn++;
    }
    v = view_of(s);
    figure(s, "s6_populated",
           (double)(v.c.populate_4k + v.c.populate_2m * REGION_PAGES));
    figure(s, "s6_cached", ratio(v.cached, before.cached));
    figure(s, "s6_read", (double)gfn);
    write_all(s, S6_PROMISED, 1, ZEROS);
    s->audit();
    figure(s, "s6_ended", view_of(s).ended);
    return 0;
}

TEST(s6_reader)
{
    both(run_s6, 0);
}

/* --- S7: the i-th allocation fails (P10) --- */

#define S7_REGIONS 16ULL
#define S7_RUNS    64

enum {
    ENDED = 1,
    EMULATED = 2,
};

/* All that takes a table: pieces ballooned out of promises of 1 GiB and 2 MiB,
 * pages out of superpages, and promises of 2 MiB that are kept page by page. */
static void use_tables(const struct side *s)
{
    uint64_t ram = BIT(ORDER_1G), more = ram + S7_REGIONS * REGION_PAGES;

    for (uint64_t i = 0; i < S7_REGIONS / 2; i++) {
        s->decrease(i * REGION_PAGES, ORDER_2M);
        s->decrease((S7_REGIONS + i) * REGION_PAGES, 3);
    }
    for (uint64_t i = 0; i < S7_REGIONS; i++) {
        s->write(ram + i * REGION_PAGES, DATA);
    }
    for (uint64_t i = 0; i < S7_REGIONS; i++) {
        s->decrease(ram + i * REGION_PAGES + 5, ORDER_4K);
    }
    for (uint64_t i = 0; i < S7_REGIONS; i++) {
        s->write(more + i * REGION_PAGES, DATA);
    }
}

static unsigned run_s7(const struct side *s, uint64_t nth)
{
    struct view v;

    s->start(&(struct shape){
        .promised = BIT(ORDER_1G) + 2 * S7_REGIONS * REGION_PAGES,
        .target = S7_REGIONS * REGION_PAGES,
        .spare = 64 * MIB_PAGES,
    });
    s->fail_nth(nth);
    use_tables(s);
    s->fail_nth(0);
    s->audit();
    v = view_of(s);
    return (v.ended ? ENDED : 0) | (v.emulated ? EMULATED : 0);
}

TEST(s7_allocations_that_fail)
{
    for (unsigned i = 0; i < ARRAY_COUNT(sides); i++) {
        unsigned ended = 0, emulated = 0;

        for (uint64_t nth = 1; nth <= S7_RUNS; nth++) {
            unsigned result = apart(run_s7, sides[i], nth);

            ended += !!(result & ENDED);
            emulated += !!(result & EMULATED);
        }
        figure(sides[i], "s7_ended", ended);
        figure(sides[i], "s7_emulated", emulated);
    }
}

/* --- S8: anything (P12) --- */

#define S8_GFNS 4096ULL
#define S8_OPS  200000

static uint64_t s8_seed;

static uint64_t below(uint64_t n)
{
    return unit_random_below(&s8_seed, n);
}

static void s8_step(const struct side *s)
{
    static const unsigned orders[] = {0, 0, 0, 3, 9};
    unsigned order = orders[below(ARRAY_COUNT(orders))];
    uint64_t gfn = below(S8_GFNS) & ~(BIT(order) - 1), value = below(4);

    switch (below(12)) {
    case 0:
        s->mark(gfn, order);
        break;
    case 1:
        s->decrease(gfn, order);
        break;
    case 2:
        /* Not over RAM, which is an error here and a lost page there. */
        if (!s->is_ram(gfn)) {
            s->populate(gfn, 0);
        }
        break;
    case 3:
        s->foreign_read(gfn);
        break;
    case 4:
        s->set_target(value * 256 + 300);
        break;
    default:
        if (s->is_ram(gfn) || s->is_promise(gfn)) {
            s->write(gfn, value ? DATA : ZEROS);
        }
        break;
    }
    if (s->is_stuck()) {
        s->revive();
    }
}

static unsigned run_s8(const struct side *s, uint64_t arg)
{
    uint64_t above = 0, stranded = 0;

    s8_seed = 8;
    s->start(&(struct shape){
        .promised = S8_GFNS / 2, .target = 1100, .spare = 32 * MIB_PAGES});
    for (unsigned i = 0; i < S8_OPS; i++) {
        struct view v;

        s8_step(s);
        if (i % 16 == 0) {
            v = view_of(s);
            above += v.cached > v.promised;
            stranded += v.cached && !v.promised;
        }
        if (i % 1024 == 0) {
            s->audit();
        }
    }
    s->audit();
    figure(s, "s8_above", (double)above);
    figure(s, "s8_stranded", (double)stranded);
    figure(s, "s8_orphans", (double)view_of(s).orphans);
    return 0;
}

TEST(s8_random_operations)
{
    both(run_s8, 0);
}

/* All promises are kept by other pages than those that were set aside. */
static unsigned run_stranded(const struct side *s, uint64_t arg)
{
    s->start(
        &(struct shape){.promised = 20, .target = 10, .spare = 16 * MIB_PAGES});
    for (uint64_t gfn = 0; gfn < 20; gfn++) {
        EXPECT_EQ(s->populate(gfn, 0), 1);
    }
    s->audit();
    figure(s, "stranded", (double)view_of(s).cached);
    return 0;
}

TEST(promises_kept_by_other_pages)
{
    both(run_stranded, 0);
}

/* --- S9: a guest that scrubs with something else (P15) --- */

static unsigned run_s9(const struct side *s, uint64_t arg)
{
    start_s1(s);
    write_all(s, S1_PROMISED, 1, PATTERN);
    s->audit();
    figure(s, "s9_ended", view_of(s).ended);
    return 0;
}

TEST(s9_scrubs_with_a_pattern)
{
    both(run_s9, 0);
}

/* --- S10: a balloon that stops beside its target (P16) --- */

#define S10_PROMISED (64 * MIB_PAGES)
#define S10_TARGET   (32 * MIB_PAGES)

static const int s10_stops[] = {-1, 0, 1, 255, 256, 257};

/* Returns whether the guest is ended once it has used all that it kept. */
static unsigned run_s10(const struct side *s, uint64_t stop)
{
    uint64_t kept = S10_TARGET + (uint64_t)(int64_t)s10_stops[stop];

    s->start(&(struct shape){.promised = S10_PROMISED,
                             .target = S10_TARGET,
                             .spare = 16 * MIB_PAGES});
    for (uint64_t gfn = kept; gfn < S10_PROMISED; gfn++) {
        EXPECT_EQ(s->decrease(gfn, ORDER_4K), 1);
    }
    write_all(s, kept, 1, DATA);
    s->audit();
    return view_of(s).ended;
}

TEST(s10_stops_beside_the_target)
{
    for (unsigned i = 0; i < ARRAY_COUNT(sides); i++) {
        unsigned ended = 0, within = 0;

        for (unsigned stop = 0; stop < ARRAY_COUNT(s10_stops); stop++) {
            unsigned dead = apart(run_s10, sides[i], stop);

            ended += dead;
            within += dead && s10_stops[stop] <= 0;
        }
        figure(sides[i], "s10_ended", ended);
        figure(sides[i], "s10_within_ended", within);
    }
}

/* --- Where the zero page is, and where the search begins (P1, P6) --- */

#define P1_REGIONS 16ULL
#define P1_PAGES   (P1_REGIONS * REGION_PAGES)

static void start_full(const struct side *s)
{
    s->start(&(struct shape){.promised = P1_PAGES + REGION_PAGES,
                             .target = P1_PAGES,
                             .spare = 16 * MIB_PAGES});
    EXPECT(write_all(s, P1_PAGES, 1, DATA));
}

/* A search in vain, so that none of it is new to anybody. */
static void start_p1(const struct side *s)
{
    start_full(s);
    EXPECT(!s->write(P1_PAGES, DATA));
    s->revive();
}

/* One page is zero; the next promise is touched. Then all is as before. */
static bool survives(const struct side *s, uint64_t promise, uint64_t zero,
                     uint64_t region)
{
    bool ok;

    EXPECT(s->write(zero, ZEROS));
    s->set_cursor(region);
    ok = s->write(promise, DATA);
    if (!ok) {
        s->revive();
        EXPECT(s->write(zero, DATA));
        return false;
    }
    EXPECT_EQ(s->decrease(promise, ORDER_4K), 1);
    EXPECT(s->write(zero, DATA));
    return true;
}

static unsigned run_p1(const struct side *s, uint64_t interrupt)
{
    uint64_t promise = P1_PAGES, dead = 0;

    start_p1(s);
    s->set_interrupt(interrupt);
    for (uint64_t i = 0; i < P1_REGIONS * P1_REGIONS; i++) {
        /* Never the page of last time: that would be found at once. */
        uint64_t zero = i % P1_REGIONS * REGION_PAGES + 17;
        bool ok = survives(s, promise, zero, i / P1_REGIONS);

        promise += ok;
        dead += !ok;
    }
    s->audit();
    figure(s, interrupt ? "p1_interrupt_ended" : "p1_ended", (double)dead);
    return 0;
}

/* Every second page is zero: what do pages cost that are found (P4)? */
static unsigned run_p4(const struct side *s, uint64_t arg)
{
    struct view before, v;

    start_p1(s);
    for (uint64_t gfn = 0; gfn < P1_PAGES; gfn += 2) {
        EXPECT(s->write(gfn, ZEROS));
    }
    before = view_of(s);
    for (uint64_t i = 1; i < REGION_PAGES; i++) {
        EXPECT(s->write(P1_PAGES + i, DATA));
    }
    s->audit();
    v = view_of(s);
    figure(s, "p4_flushes",
           ratio(v.c.tlb_flushes_reclaim - before.c.tlb_flushes_reclaim,
                 reclaimed(&v) - reclaimed(&before)));
    return 0;
}

TEST(p4_every_second_page)
{
    both(run_p4, 0);
}

TEST(p1_any_place_and_any_cursor)
{
    both(run_p1, 0);
    both(run_p1, 1);
}

static unsigned run_p6(const struct side *s, uint64_t arg)
{
    uint64_t read[3];

    start_full(s);
    for (unsigned i = 0; i < ARRAY_COUNT(read); i++) {
        read[i] = view_of(s).pages_read;
        s->write(P1_PAGES, DATA);
        s->revive();
    }
    figure(s, "p6_first", (double)(read[1] - read[0]));
    figure(s, "p6_second", (double)(read[2] - read[1]));
    return 0;
}

TEST(p6_nothing_has_changed)
{
    both(run_p6, 0);
}

/* --- Calls that go wrong (P17) --- */

enum bad_call {
    MARK_BEYOND,
    POPULATE_OVER_FOREIGN,
    MARK_WITHOUT_TABLES,
    DECREASE_WITHOUT_TABLES,
    BAD_CALLS,
};

/* Returns whether the guest is ended. */
static unsigned run_bad_call(const struct side *s, uint64_t which)
{
    s->start(&(struct shape){.promised = BIT(ORDER_1G),
                             .target = 8 * MIB_PAGES,
                             .spare = 16 * MIB_PAGES});
    switch ((enum bad_call)which) {
    case MARK_BEYOND:
        s->mark(1ULL << 52, ORDER_2M);
        break;
    case POPULATE_OVER_FOREIGN:
        EXPECT(s->add_foreign(BIT(ORDER_1G) + 3));
        s->populate(BIT(ORDER_1G) + 3, ORDER_4K);
        break;
    case MARK_WITHOUT_TABLES:
        s->decrease(0, ORDER_4K);
        s->fail_nth(1);
        s->mark(BIT(ORDER_1G) + 8, 3);
        break;
    default:
        s->fail_nth(1);
        s->decrease(REGION_PAGES, ORDER_2M);
        break;
    }
    s->fail_nth(0);
    s->audit();
    return view_of(s).ended;
}

TEST(p17_bad_calls)
{
    for (unsigned i = 0; i < ARRAY_COUNT(sides); i++) {
        unsigned ended = 0;

        for (unsigned which = 0; which < BAD_CALLS; which++) {
            ended += apart(run_bad_call, sides[i], which);
        }
        figure(sides[i], "p17_ended", ended);
    }
}
