/* SPDX-License-Identifier: MIT */
/*
 * Copies go page by page: find the guest frame behind an address, take the
 * page behind the frame with a reference, copy, let go. What the guest's own
 * tables say is remembered until it runs again (pagetable.c), the page is not:
 * others may take it away at any time.
 */
#include "guest/copy.h"

#include "domain/memory.h"
#include "guest/pagetable.h"
#include "lib/string.h"
#include "types/error.h"

/* Slices of a search for PoD memory before a hypercall is left and executed
 * again; and when it cannot be, before it fails. */
#define FEW_SLICES  16
#define MANY_SLICES 64

/* Where an address is meant, and what may be done about lack of memory. */
struct copy_space {
    struct domain *d;
    struct vcpu *v; /* NULL: addresses are guest-physical */
    bool may_wait;  /* v does, and the hypercall is executed again */
    unsigned slices;
};

/* What memory_get_page() says, as a hypercall's caller should see it. */
static int copy_error(int rc)
{
    return rc == 0 || rc == -ERESTART || rc == -ENOMEM ? rc : -EFAULT;
}

/* What is wanted of a page. COPY_READ: *pg is NULL where a promise is, which
 * reads as zeros. */
enum copy_use {
    COPY_READ,
    COPY_HOLD, /* the page itself, to read */
    COPY_WRITE,
};

static int page_take(struct copy_space s, gfn_t gfn, enum copy_use use,
                     struct page **pg)
{
    if (use == COPY_READ) {
        return s.may_wait ? memory_get_own_page_to_read(s.v, gfn, pg)
                          : memory_get_page_to_read(s.d, gfn, pg);
    }
    return s.may_wait ? memory_get_own_page(s.v, gfn, use == COPY_WRITE, pg)
                      : memory_get_page(s.d, gfn, use == COPY_WRITE, pg);
}

static int page_try(struct copy_space s, uint64_t address, enum copy_use use,
                    struct page **pg)
{
    gpa_t gpa = GPA(address);

    if (s.v) {
        int rc = pagetable_translate(s.v, address, use == COPY_WRITE,
                                     s.may_wait, &gpa);

        if (rc) {
            return copy_error(rc);
        }
    }
    return copy_error(page_take(s, gfn_from_gpa(gpa), use, pg));
}

/* It may not run before there is memory, so there is no point in looking. */
static bool waits(struct copy_space s)
{
    return s.may_wait && (READ_ONCE(s.v->hold) & HOLD_MEMORY);
}

/* The page behind address, with a reference. */
static int page_at(struct copy_space s, uint64_t address, enum copy_use use,
                   struct page **pg)
{
    unsigned slices = s.slices;
    int rc;

    do {
        rc = page_try(s, address, use, pg);
    } while (rc == -ERESTART && !waits(s) && --slices);
    return rc;
}

static size_t part_in_page(uint64_t address, size_t size)
{
    return MIN(size, PAGE_SIZE - (address & ~PAGE_MASK));
}

static int copy_in(struct copy_space s, void *to, uint64_t from, size_t size)
{
    while (size) {
        size_t part = part_in_page(from, size);
        struct page *pg;
        int rc = page_at(s, from, COPY_READ, &pg);

        if (rc) {
            return rc;
        }
        if (pg) {
            memcpy(to, (const char *)page_map(pg) + (from & ~PAGE_MASK), part);
            page_put(pg);
        } else {
            memset(to, 0, part);
        }
        to = (char *)to + part;
        from += part;
        size -= part;
    }
    return 0;
}

/* from == NULL: only see to it that there is memory. */
static int copy_out(struct copy_space s, uint64_t to, const void *from,
                    size_t size)
{
    while (size) {
        size_t part = part_in_page(to, size);
        struct page *pg;
        int rc = page_at(s, to, COPY_WRITE, &pg);

        if (rc) {
            return rc == -ERESTART && !s.may_wait ? -EFAULT : rc;
        }
        if (from) {
            memcpy((char *)page_map(pg) + (to & ~PAGE_MASK), from, part);
            from = (const char *)from + part;
        }
        page_put(pg);
        to += part;
        size -= part;
    }
    return 0;
}

static struct copy_space restartable(struct vcpu *v)
{
    return (struct copy_space){vcpu_domain(v), v, true, FEW_SLICES};
}

int copy_from_guest(struct vcpu *v, void *to, uint64_t gva, size_t size)
{
    return copy_in(restartable(v), to, gva, size);
}

int copy_code(struct vcpu *v, void *to, uint64_t gva, size_t size)
{
    struct copy_space s = {vcpu_domain(v), v, false, FEW_SLICES};

    return copy_in(s, to, gva, size);
}

int copy_to_guest(struct vcpu *v, uint64_t gva, const void *from, size_t size)
{
    struct copy_space s = {vcpu_domain(v), v, false, MANY_SLICES};

    return copy_out(s, gva, from, size);
}

int copy_answer(struct vcpu *v, uint64_t gva, const void *from, size_t size)
{
    return copy_out(restartable(v), gva, from, size);
}

int copy_prepare(struct vcpu *v, uint64_t gva, size_t size)
{
    struct copy_space s = {vcpu_domain(v), v, true, MANY_SLICES};

    return copy_out(s, gva, NULL, size);
}

int copy_from_gpa(struct domain *d, void *to, gpa_t gpa, size_t size)
{
    return copy_in((struct copy_space){d, NULL, false, FEW_SLICES}, to, gpa.v,
                   size);
}

int copy_to_gpa(struct domain *d, gpa_t gpa, const void *from, size_t size)
{
    return copy_out((struct copy_space){d, NULL, false, MANY_SLICES}, gpa.v,
                    from, size);
}

int copy_translate(struct vcpu *v, uint64_t gva, size_t size, bool write,
                   struct page *pages[2], uint16_t *offset)
{
    struct copy_space s = restartable(v);
    enum copy_use use = write ? COPY_WRITE : COPY_HOLD;
    size_t first = part_in_page(gva, size);
    int rc;

    pages[1] = NULL;
    *offset = gva & ~PAGE_MASK;
    if (size > PAGE_SIZE) {
        return -EINVAL;
    }
    rc = page_at(s, gva, use, &pages[0]);
    if (rc || first == size) {
        return rc;
    }
    rc = page_at(s, gva + first, use, &pages[1]);
    if (rc) {
        pages[1] = NULL;
        page_put(pages[0]);
    }
    return rc;
}
