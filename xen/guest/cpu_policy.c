/* SPDX-License-Identifier: MIT */
/*
 * The leaf count matters as much as the leaves: libxenctrl reads our list
 * into a structure, edits that, and writes it back into a buffer of the size
 * of our list. It writes the leaves that the structure knows, so we must not
 * leave one out that it writes, and must not send one that it has no place
 * for: the *_LAST numbers below are where its tables end.
 */
#include "guest/cpu_policy.h"

#include "lib/string.h"
#include "types/error.h"

#include <xen/arch-x86/cpufeatureset.h>
#include <xen/xen.h>

enum {
    LEAF_CACHE = 4,
    LEAF_FEATURES = 7,
    LEAF_TOPOLOGY = 0xb,
    LEAF_XSTATE = 0xd,
    BASIC_LAST = 0xd,
    CACHE_LAST = 5,
    FEATURES_LAST = 2,
    TOPOLOGY_LAST = 1,
    XSTATE_LAST = 62,
    CACHE_TYPE_MASK = 0x1f,
};
#define EXTENDED       0x80000000u
#define EXTENDED_LAST  0x80000021u
#define HYPERVISOR     0x40000000u
#define HYPERVISOR_ALT 0x40000100u

/* A list being written. */
struct output {
    struct cpuid_leaf *leaves;
    unsigned room, count;
};

static void put(struct output *o, uint32_t leaf, uint32_t subleaf,
                struct cpuid_regs r)
{
    if (o->count < o->room) {
        o->leaves[o->count] =
            (struct cpuid_leaf){leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx};
    }
    o->count++;
}

static void put_leaf(struct output *o, uint32_t leaf)
{
    put(o, leaf, XEN_CPUID_NO_SUBLEAF, arch_guest_cpuid(leaf, 0));
}

static void put_range(struct output *o, uint32_t leaf, uint32_t last)
{
    for (uint32_t sub = 0; sub <= last; sub++) {
        put(o, leaf, sub, arch_guest_cpuid(leaf, sub));
    }
}

/* Caches up to and with the first of type `none`. */
static void put_caches(struct output *o)
{
    for (uint32_t sub = 0; sub <= CACHE_LAST; sub++) {
        struct cpuid_regs r = arch_guest_cpuid(LEAF_CACHE, sub);

        put(o, LEAF_CACHE, sub, r);
        if ((r.eax & CACHE_TYPE_MASK) == 0) {
            break;
        }
    }
}

/* 0 and 1, and one for each state component that XCR0 or XSS can enable. */
static void put_xstate(struct output *o)
{
    struct cpuid_regs user = arch_guest_cpuid(LEAF_XSTATE, 0);
    struct cpuid_regs supervisor = arch_guest_cpuid(LEAF_XSTATE, 1);
    uint64_t components = ((uint64_t)user.edx << 32 | user.eax) |
                          ((uint64_t)supervisor.edx << 32 | supervisor.ecx);

    put(o, LEAF_XSTATE, 0, user);
    put(o, LEAF_XSTATE, 1, supervisor);
    for (uint32_t sub = 2; sub <= XSTATE_LAST; sub++) {
        if (components & BIT(sub)) {
            put(o, LEAF_XSTATE, sub, arch_guest_cpuid(LEAF_XSTATE, sub));
        }
    }
}

static void put_basic(struct output *o, uint32_t leaf)
{
    switch (leaf) {
    case LEAF_CACHE:
        put_caches(o);
        break;
    case LEAF_FEATURES:
        put_range(o, leaf,
                  MIN(arch_guest_cpuid(leaf, 0).eax, (uint32_t)FEATURES_LAST));
        break;
    case LEAF_TOPOLOGY:
        put_range(o, leaf, TOPOLOGY_LAST);
        break;
    case LEAF_XSTATE:
        put_xstate(o);
        break;
    default:
        put_leaf(o, leaf);
    }
}

unsigned cpu_policy_host(struct cpuid_leaf *leaves, unsigned room)
{
    struct output o = {.leaves = leaves, .room = room};
    uint32_t basic = MIN(arch_guest_cpuid(0, 0).eax, (uint32_t)BASIC_LAST);
    uint32_t extended = MIN(arch_guest_cpuid(EXTENDED, 0).eax, EXTENDED_LAST);

    for (uint32_t leaf = 0; leaf <= basic; leaf++) {
        put_basic(&o, leaf);
    }
    /* Ours to answer at run time, the tool only wants to see its place. */
    put(&o, HYPERVISOR, XEN_CPUID_NO_SUBLEAF, (struct cpuid_regs){0});
    put(&o, HYPERVISOR_ALT, XEN_CPUID_NO_SUBLEAF, (struct cpuid_regs){0});
    for (uint32_t leaf = EXTENDED; leaf <= extended && extended >= EXTENDED;
         leaf++) {
        put_leaf(&o, leaf);
    }
    return o.count;
}

/* Where the ABI's feature words live in CPUID. */
enum cpuid_register {
    EAX,
    EBX,
    ECX,
    EDX,
};

static const struct feature_word {
    uint32_t leaf, subleaf;
    enum cpuid_register reg;
} feature_words[CPU_FEATURE_WORDS] = {
    {1, 0, EDX},
    {1, 0, ECX},
    {EXTENDED + 1, 0, EDX},
    {EXTENDED + 1, 0, ECX},
    {0xd, 1, EAX},
    {7, 0, EBX},
    {7, 0, ECX},
    {EXTENDED + 7, 0, EDX},
    {EXTENDED + 8, 0, EBX},
    {7, 0, EDX},
    {7, 1, EAX},
    {EXTENDED + 0x21, 0, EAX},
};

/* Bits of 1:ECX that the hypervisor itself supplies, whatever the machine. */
#define OWN_1_ECX                                                              \
    (1u << (XEN_X86_FEATURE_X2APIC % 32) |                                     \
     1u << (XEN_X86_FEATURE_HYPERVISOR % 32))

static uint32_t pick(struct cpuid_regs r, enum cpuid_register reg)
{
    const uint32_t values[] = {r.eax, r.ebx, r.ecx, r.edx};

    return values[reg];
}

/* The guest may have of this word. */
static uint32_t allowed(const struct feature_word *w)
{
    uint32_t bits = pick(arch_guest_cpuid(w->leaf, w->subleaf), w->reg);

    return w->leaf == 1 && w->reg == ECX ? bits | OWN_1_ECX : bits;
}

static void mask(struct cpuid_leaf *l)
{
    uint32_t *const registers[] = {&l->a, &l->b, &l->c, &l->d};
    uint32_t subleaf = l->subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : l->subleaf;

    for (unsigned i = 0; i < CPU_FEATURE_WORDS; i++) {
        const struct feature_word *w = &feature_words[i];

        if (w->leaf == l->leaf && w->subleaf == subleaf) {
            *registers[w->reg] &= allowed(w);
        }
    }
}

int cpu_policy_merge(struct cpuid_leaf *leaves, unsigned *count,
                     const struct cpuid_leaf *leaf)
{
    unsigned i = 0;

    while (i < *count && (leaves[i].leaf != leaf->leaf ||
                          leaves[i].subleaf != leaf->subleaf)) {
        i++;
    }
    if (i == CPUID_LEAF_LIMIT) {
        return -E2BIG;
    }
    leaves[i] = *leaf;
    mask(&leaves[i]);
    *count = MAX(*count, i + 1);
    return 0;
}

void cpu_policy_features(uint32_t words[CPU_FEATURE_WORDS])
{
    for (unsigned i = 0; i < CPU_FEATURE_WORDS; i++) {
        words[i] = allowed(&feature_words[i]);
    }
}
