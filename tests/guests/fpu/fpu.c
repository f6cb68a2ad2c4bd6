/* SPDX-License-Identifier: MIT */
//! cpus: 1 2
//! vcpus: 4
/*
 * Vector and floating-point registers belong to a vCPU (4 of them here on one
 * or two processors), and so do XCR0, the debug registers and FS and GS bases.
 *
 * Each vCPU fills all of them with values of its own, lets others run, by
 * yielding and by using up its time slice, and compares. Register contents of
 * another, or of the hypervisor, would show at once. So would those of LZ4, by
 * which the hypervisor packs and unpacks a page between two looks at them. A
 * fresh vCPU has clean registers, whatever its processor ran before. AVX state
 * is part of it where CPUID has it.
 */
#include "fpu/fpu.h"
#include "child.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"
#include "lib/string.h"
#include "main.h"
#include "memory.h"
#include "smp.h"
#include "test.h"
#include "time.h"
#include "trap.h"

#include <xen/tmem.h>

#define ROUNDS   60
#define PATIENCE MILLISECONDS(2000)

static bool has_avx, has_avx512;
static volatile unsigned arrived;
static struct fpu_values before[MAX_CPUS], after[MAX_CPUS];

static void fill(struct fpu_values *v, unsigned id, unsigned round)
{
    uint64_t x = 0x9e3779b97f4a7c15ULL * (id * 1000 + round + 1);

    for (unsigned i = 0; i < FPU_VECTOR_WORDS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        ((uint64_t *)v)[i] = x;
    }
    if (has_avx512) {
        memcpy(v->zmm0_high + 4, v->vector, 32);
        memcpy(v->zmm31, v->vector, 64);
        for (unsigned i = 0; i < 8; i++) {
            v->mask[i] = (x >> i) & 0xffff;
        }
    }
    v->x87 = x >> 1;
    v->mxcsr = 0x1f80 | (id & 3) << 13;
    v->control = 0x37f & ~(1u << (id & 3));
    v->fs_base = 0x10000 * (id + 1) + round;
    v->debug0 = 0x100000 * (id + 1) + round;
}

static void other_registers(struct fpu_values *v, bool is_load)
{
    if (is_load) {
        wrmsr(0xc0000100, v->fs_base);
        __asm__ volatile("mov %0, %%dr0" ::"r"(v->debug0));
    } else {
        v->fs_base = rdmsr(0xc0000100);
        __asm__ volatile("mov %%dr0, %0" : "=r"(v->debug0));
    }
}

static void load(struct fpu_values *v)
{
    other_registers(v, true);
    fpu_load(v);
    if (has_avx) {
        fpu_load_avx(v);
    }
    if (has_avx512) {
        fpu_load_avx512(v);
    }
}

static void store(struct fpu_values *v)
{
    other_registers(v, false);
    if (has_avx512) {
        fpu_store_avx512(v);
    }
    if (has_avx) {
        fpu_store_avx(v);
    }
    fpu_store(v);
}

static uint64_t all_xcr0(void)
{
    return has_avx512 ? 0xe7 : 7;
}

static void enable(void)
{
    write_cr4(read_cr4() | (has_avx ? CR4_OSXSAVE : 0));
    if (has_avx) {
        fpu_set_xcr0(all_xcr0());
    }
}

/* --- Pages that the hypervisor packs --- */

static int64_t pool = -1; /* of transcendent memory */
static uint64_t *put_from[MAX_CPUS], *got_to[MAX_CPUS];

static int64_t tmem_call(uint32_t cmd, unsigned id, const void *page)
{
    struct tmem_op op = {
        .cmd = cmd,
        .pool_id = (int32_t)pool,
        .u.gen = {.oid = {{id, 0, 0}}, .cmfn = gfn_of(page)},
    };

    return hypercall1(__HYPERVISOR_tmem_op, (uint64_t)&op);
}

/* There and back, of a page that packs well and is no word repeated. */
static void pack_and_unpack(unsigned id, unsigned round)
{
    for (unsigned i = 0; i < PAGE_SIZE / 8; i++) {
        put_from[id][i] = i % 8 ? 0x4142434445464748ULL : i * round + id;
        got_to[id][i] = 0;
    }
    EXPECT_EQ(tmem_call(TMEM_PUT_PAGE, id, put_from[id]), 1);
    EXPECT_EQ(tmem_call(TMEM_GET_PAGE, id, got_to[id]), 1);
    EXPECT_EQ(memcmp(put_from[id], got_to[id], PAGE_SIZE), 0);
}

static int64_t tmem_control(uint32_t command, void *buffer, uint32_t length)
{
    struct xen_sysctl op;
    struct podium_tmem_control *c = (void *)&op.u;

    sysctl_prepare(&op, PODIUM_SYSCTL_tmem);
    *c = (struct podium_tmem_control){
        .command = command,
        .arg = 1,
        .buffer = (uint64_t)buffer,
        .length = length,
    };
    return sysctl(&op);
}

/* A pool of a client that is packed. Who may not set that does without. */
static void make_pool(void)
{
    struct podium_tmem_client client = {
        .version = TMEM_SPEC_VERSION,
        .flags = PODIUM_TMEM_CLIENT_compress,
    };
    struct tmem_op op = {
        .cmd = TMEM_NEW_POOL,
        .u.creat.flags = (uint32_t)TMEM_SPEC_VERSION << TMEM_POOL_VERSION_SHIFT,
    };

    if (!is_privileged()) {
        return;
    }
    pool = hypercall1(__HYPERVISOR_tmem_op, (uint64_t)&op);
    if (pool == -ENOSYS) { /* not on Xen of today */
        return;
    }
    REQUIRE(pool >= 0);
    EXPECT_EQ(
        tmem_control(PODIUM_TMEM_SET_CLIENT_INFO, &client, sizeof(client)), 0);
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        put_from[i] = page_alloc();
        got_to[i] = page_alloc();
    }
}

/* How many pages were packed, as the list of all has it. */
static uint64_t packed_pages(void)
{
    char *text = page_alloc();
    uint64_t count = 0;

    EXPECT_EQ(tmem_control(PODIUM_TMEM_LIST, text, PAGE_SIZE), 0);
    for (const char *at = text; *at; at++) {
        if (memcmp(at, ",cp:", 4) == 0) {
            for (at += 4; *at >= '0' && *at <= '9'; at++) {
                count = count * 10 + (uint64_t)(*at - '0');
            }
            break;
        }
    }
    return count;
}

/* Let others run: give way, or use up the slice. */
static void pass_time(unsigned id, unsigned round)
{
    if (pool >= 0 && round % 10 == 3) {
        pack_and_unpack(id, round);
        return;
    }
    if (round % 10 == 9) {
        time_delay(MILLISECONDS(12));
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        give_way();
    }
}

/* A vCPU without AVX in its XCR0, among others that have it. */
static bool wants_small_xcr0(unsigned id)
{
    return has_avx && id == 2;
}

static void check(unsigned id, unsigned round)
{
    struct fpu_values *v = &before[id], *w = &after[id];

    fill(v, id, round);
    load(v);
    pass_time(id, round);
    store(w);
    if (!has_avx) {
        memcpy(w->high, v->high, sizeof(v->high));
    }
    if (!EXPECT_EQ(memcmp(v, w, sizeof(*v)), 0)) {
        print("  vCPU %u, round %u: %lx %lx, %lx %lx, mxcsr %x %x\n", id, round,
              v->vector[0][0], w->vector[0][0], v->x87, w->x87, v->mxcsr,
              w->mxcsr);
    }
    if (has_avx) {
        EXPECT_EQ(fpu_get_xcr0(), all_xcr0());
    }
}

/* Entered with registers as INIT leaves them (x87 and SSE: zero). */
static void check_clean(unsigned id)
{
    struct fpu_values *w = &after[id];

    store(w);
    for (unsigned i = 0; i < FPU_VECTOR_WORDS; i++) {
        if (!EXPECT_EQ(((uint64_t *)w)[i], 0)) {
            break;
        }
    }
    EXPECT_EQ(w->mxcsr, 0x1f80);
}

static void arrive(void)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
}

static void work(void *p)
{
    unsigned id = this_cpu()->id;

    enable();
    if (p) {
        check_clean(id);
    }
    if (wants_small_xcr0(id)) {
        fpu_set_xcr0(3);
        time_delay(MILLISECONDS(1));
        EXPECT_EQ(fpu_get_xcr0(), 3);
        fpu_set_xcr0(all_xcr0());
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        check(id, round);
    }
    arrive();
}

static bool wait_until_arrived(unsigned count)
{
    uint64_t end = time_now() + PATIENCE;

    while (arrived < count) {
        if (time_now() > end) {
            return false;
        }
        give_way();
    }
    return true;
}

/* Bits of XCR0 that there are not, or not without others, are #GP. */
static void set_xcr0(void *p)
{
    fpu_set_xcr0((uintptr_t)p);
}

static void user_set_xcr0(uint64_t v)
{
    fpu_set_xcr0(v);
    user_return(0);
}

static void test_xcr0(void)
{
    uint64_t value;
    uint32_t r[4];

    test_section("XCR0");
    if (!has_avx) {
        return;
    }
    enable();
    EXPECT_EQ(trap_catch(set_xcr0, (void *)0), TRAP_GP);
    EXPECT_EQ(trap_catch(set_xcr0, (void *)5), TRAP_GP); /* AVX, no SSE */
    EXPECT_EQ(trap_catch(set_xcr0, (void *)BIT(62)), TRAP_GP);
    EXPECT_EQ(fpu_get_xcr0(), all_xcr0());
    EXPECT_EQ(trap_catch_user(user_set_xcr0, 3, &value), TRAP_GP);
    /* Each component that CPUID does not offer, and AVX-512 in part. */
    cpuid(0xd, 0, r);
    for (unsigned i = 2; i < 63; i++) {
        if (i >= 32 || !(r[0] >> i & 1)) {
            EXPECT_EQ(trap_catch(set_xcr0, (void *)(3 | BIT(i))), TRAP_GP);
        }
    }
    EXPECT_EQ(trap_catch(set_xcr0, (void *)(7 | BIT(5))), TRAP_GP);
    EXPECT_EQ(trap_catch(set_xcr0, (void *)(3 | 7 << 5)), TRAP_GP);
    EXPECT_EQ(fpu_get_xcr0(), all_xcr0());
}

/* Leaf 0xd agrees with itself: sizes hold what they are sizes of. */
static void test_sizes(void)
{
    uint32_t whole[4], part[4];
    uint32_t end = 576;

    test_section("sizes of state");
    if (!has_avx) {
        return;
    }
    cpuid(0xd, 0, whole);
    EXPECT_EQ(whole[0] & 7, 7);
    EXPECT_EQ(whole[3], 0);
    for (unsigned i = 2; i < 63; i++) {
        cpuid(0xd, i, part);
        if (i < 32 && (whole[0] >> i & 1)) {
            EXPECT(part[0] > 0);
            end = end < part[0] + part[1] ? part[0] + part[1] : end;
        } else {
            EXPECT_EQ(part[0] | part[1] | part[2] | part[3], 0);
        }
    }
    EXPECT_EQ(whole[1], end); /* all are enabled now */
    EXPECT_EQ(whole[2], end);
}

void test_main(void)
{
    unsigned count = smp_vcpu_count();
    uint32_t r[4];

    events_init();
    cpuid(1, 0, r);
    has_avx = (r[2] >> 26 & 1) && (r[2] >> 28 & 1);
    cpuid(7, 0, r);
    has_avx512 = has_avx && (r[1] >> 16 & 1);
    print("%u vCPUs, %s\n", count,
          has_avx512 ? "AVX-512" : (has_avx ? "AVX" : "SSE"));
    test_xcr0();
    test_sizes();
    make_pool();
    test_section("registers of several vCPUs");
    for (unsigned i = 1; i < count; i++) {
        REQUIRE(smp_start(i, work, (void *)1));
    }
    work(NULL);
    EXPECT(wait_until_arrived(count));
    arrived = 0;
    /* Again: INIT does not clear vector registers, so nothing is said of
     * what they begin with. */
    for (unsigned i = 1; i < count; i++) {
        REQUIRE(smp_start(i, work, NULL));
    }
    work(NULL);
    EXPECT(wait_until_arrived(count));
    if (pool >= 0) {
        EXPECT_EQ(packed_pages(), (uint64_t)2 * count * (ROUNDS / 10));
    }
}
