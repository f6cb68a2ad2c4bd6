/* SPDX-License-Identifier: MIT */
/*
 * Frames and addresses as structs, so that the compiler tells them apart.
 *
 *   mfn_t    machine frame number    paddr_t  machine address in bytes
 *   gfn_t    guest frame number      gpa_t    guest-physical address in bytes
 */
#ifndef TYPES_FRAME_H
#define TYPES_FRAME_H

#include "types/words.h"

typedef struct {
    uint64_t v;
} mfn_t;

typedef struct {
    uint64_t v;
} gfn_t;

typedef struct {
    uint64_t v;
} paddr_t;

typedef struct {
    uint64_t v;
} gpa_t;

#define MFN(n)      ((mfn_t){(n)})
#define GFN(n)      ((gfn_t){(n)})
#define GPA(n)      ((gpa_t){(n)})
#define PADDR(n)    ((paddr_t){(n)})
#define INVALID_MFN MFN(~0ULL)
#define INVALID_GFN GFN(~0ULL)

static inline mfn_t mfn_add(mfn_t m, uint64_t n)
{
    return MFN(m.v + n);
}

static inline gfn_t gfn_add(gfn_t g, uint64_t n)
{
    return GFN(g.v + n);
}

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.v == b.v;
}

static inline bool gfn_eq(gfn_t a, gfn_t b)
{
    return a.v == b.v;
}

static inline bool mfn_valid(mfn_t m)
{
    return m.v != ~0ULL;
}

static inline paddr_t paddr_from_mfn(mfn_t m)
{
    return PADDR(m.v << PAGE_SHIFT);
}

static inline mfn_t mfn_from_paddr(paddr_t p)
{
    return MFN(p.v >> PAGE_SHIFT);
}

static inline gpa_t gpa_from_gfn(gfn_t g)
{
    return GPA(g.v << PAGE_SHIFT);
}

static inline gfn_t gfn_from_gpa(gpa_t p)
{
    return GFN(p.v >> PAGE_SHIFT);
}

/* The first gfn of the aligned block of 2^order that holds g. */
static inline gfn_t gfn_align(gfn_t g, unsigned order)
{
    return GFN(g.v & ~((1ULL << order) - 1));
}

#endif
