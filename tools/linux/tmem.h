/* SPDX-License-Identifier: MIT */
/*
 * Transcendent memory as a module of Linux calls it: hypercall 38, whose record
 * is in the kernel's own headers for Xen. A pool keeps copies of whole pages,
 * here each by one number, its slot.
 *
 * All of these may be called from any context: the hypervisor does not sleep.
 */
#ifndef LINUX_TMEM_H
#define LINUX_TMEM_H

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/types.h>

#include <asm/xen/hypercall.h>
#include <xen/interface/xen.h>
#include <xen/page.h>
#include <xen/xen.h>

/* Commands of the record. */
enum tmem_command {
    TMEM_NEW_POOL = 1,
    TMEM_DESTROY_POOL = 2,
    TMEM_PUT_PAGE = 4,
    TMEM_GET_PAGE = 5,
    TMEM_FLUSH_PAGE = 6,
};

/* A page that such a pool accepted stays until it is flushed; one of another
 * pool may be gone at any time. */
#define TMEM_POOL_PERSIST       1u
#define TMEM_POOL_VERSION_SHIFT 24

/* A GET from a pool without any page. */
#define EEMPTY 1001

/* Its pages are spread over so many objects, that the hypervisor can serve
 * several processors at once. */
#define TMEM_OBJECT_BITS 4

static inline int tmem_call(struct tmem_op *op)
{
    return _hypercall1(int, tmem_op, op);
}

/* A pool of this domain's own: its id, or what the hypervisor has against it:
 * -ENODEV there is no tmem, -EPERM no more pools, -ENOSYS no such call. */
static inline int tmem_new_pool(unsigned int flags)
{
    struct tmem_op op = {.cmd = TMEM_NEW_POOL};

    op.u.new.flags = flags | TMEM_SPEC_VERSION << TMEM_POOL_VERSION_SHIFT;
    return tmem_call(&op);
}

static inline void tmem_destroy_pool(int pool)
{
    struct tmem_op op = {.cmd = TMEM_DESTROY_POOL, .pool_id = pool};

    tmem_call(&op);
}

static inline int tmem_call_slot(enum tmem_command cmd, int pool, u64 slot,
                                 struct page *page)
{
    struct tmem_op op = {.cmd = cmd, .pool_id = pool};

    op.u.gen.oid[0] = slot & ((1u << TMEM_OBJECT_BITS) - 1);
    op.u.gen.index = (u32)(slot >> TMEM_OBJECT_BITS);
    if (page) {
        set_xen_guest_handle(op.u.gen.gmfn, (void *)xen_page_to_gfn(page));
    }
    return tmem_call(&op);
}

/* Does it fit into the numbers above? */
static inline bool tmem_slots_fit(u64 slot_count)
{
    return slot_count <= 1ull << (32 + TMEM_OBJECT_BITS);
}

/* Copies a page in. 0, or an error: then the pool has nothing of this slot any
 * more, also if it had before. The page must not change meanwhile. */
static inline int tmem_put(int pool, u64 slot, struct page *page)
{
    int result = tmem_call_slot(TMEM_PUT_PAGE, pool, slot, page);

    if (result == 1) {
        return 0;
    }
    return result < 0 ? result : -EIO;
}

/* Copies a page out; a pool that is not persistent has it no more then.
 * -ENOENT: it is not there; other errors: it may be. */
static inline int tmem_get(int pool, u64 slot, struct page *page)
{
    int result = tmem_call_slot(TMEM_GET_PAGE, pool, slot, page);

    if (result == 1) {
        return 0;
    }
    return result < 0 && result != -EEMPTY ? result : -ENOENT;
}

static inline void tmem_flush(int pool, u64 slot)
{
    tmem_call_slot(TMEM_FLUSH_PAGE, pool, slot, NULL);
}

#endif
