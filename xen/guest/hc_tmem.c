/* SPDX-License-Identifier: MIT */
/*
 * Hypercall 38, tmem_op: a domain puts pages into transcendent memory and gets
 * them back (T-1..T-18). Only its own: there is no way to name another's here,
 * and the control domain has no more rights in it than any. What concerns other
 * domains is a sysctl (sysctl_tmem.c).
 *
 * Only whole pages: what says otherwise (an offset, a length) is an operation
 * that there is not. The record is copied once and all of it is checked before
 * anything is done, so a wrong call changes nothing, with one exception: a PUT
 * that fails for want of its page drops what was stored under that name (put-
 * put-get coherence, T-12).
 *
 * The page of a call is an ordinary reference to what the guest has at that
 * frame. A promise that is put is a page of zeros and stays a promise; it stays
 * one, too, when zeros are got there (T-18). The copy is made by the CPU that
 * made the guest's stores before the call and makes its loads after it, so
 * their order needs no barrier (T-17).
 */
#include "guest/hypercall.h"

#include "arch/timer.h"
#include "domain/memory.h"
#include "domain/tmem_client.h"
#include "guest/copy.h"
#include "guest/tmem_time.h"
#include "mm/page_alloc.h"
#include "types/error.h"

#include <xen/tmem.h>

/* Parts of the ABI that only its oldest headers have. */
#define TMEM_CONTROL 0

BUILD_ASSERT(sizeof(struct tmem_op) == 56, "T-1");
BUILD_ASSERT(offsetof(struct tmem_op, u.gen.index) == 32, "T-1");
BUILD_ASSERT(offsetof(struct tmem_op, u.gen.cmfn) == 48, "T-1");
BUILD_ASSERT(offsetof(struct tmem_op, u.creat.flags) == 24, "T-1");
BUILD_ASSERT(TMEM_EFROZEN == EFROZEN && TMEM_EEMPTY == EEMPTY, "T-6");
BUILD_ASSERT(TMEM_PERSISTENT == TMEM_POOL_PERSIST &&
                 TMEM_SHARED == TMEM_POOL_SHARED,
             "T-4");

/* Of NEW_POOL: the bits that say anything, and what the others must be. */
#define POOL_KIND  (TMEM_POOL_PERSIST | TMEM_POOL_SHARED)
#define POOL_FIXED ((uint32_t)TMEM_SPEC_VERSION << TMEM_POOL_VERSION_SHIFT)

static struct tmem_handle handle_of(const struct tmem_op *op)
{
    return (struct tmem_handle){
        .pool_id = (uint32_t)op->pool_id,
        .index = op->u.gen.index,
        .oid = {op->u.gen.oid.oid[0], op->u.gen.oid.oid[1],
                op->u.gen.oid.oid[2]},
    };
}

/*
 * Pools.
 */

static int64_t new_pool(struct vcpu *v, const struct tmem_op *op)
{
    const struct tmem_uuid uuid = {{op->u.creat.uuid[0], op->u.creat.uuid[1]}};
    uint32_t flags = op->u.creat.flags;
    struct tmem_client *c;
    int rc;

    if ((flags & ~(uint32_t)POOL_KIND) != POOL_FIXED ||
        (flags & POOL_KIND) == POOL_KIND) {
        return -EPERM;
    }
    rc = tmem_client_make(vcpu_domain(v), &c);
    return rc ? rc : tmem_pool_create(c, flags & POOL_KIND, uuid);
}

static int64_t destroy_pool(struct vcpu *v, const struct tmem_op *op)
{
    struct tmem_client *c = tmem_client_of(vcpu_domain(v));

    return c ? tmem_pool_destroy(c, (uint32_t)op->pool_id) : 0;
}

/*
 * Pages.
 */

/* What memory says of a frame, as this call's answers have it. */
static int frame_error(int rc)
{
    if (rc == -ERESTART || rc == -ENOMEM) {
        return rc;
    }
    tmem_time_note_failed_copy();
    return -EFAULT;
}

/* What is to be put: contents (NULL: zeros), and what has to be let go. */
struct source {
    const void *data;
    struct page *pg; /* the guest's, or NULL */
    struct page *made;
};

/* A promise that means the guest's scrub pattern: a page of it, so that the
 * promise need not be kept. */
static int make_pattern(struct domain *d, struct source *s)
{
    uint64_t *words;

    s->made = page_alloc(PAGE_HEAP, ORDER_4K);
    if (!s->made) {
        return -ENOMEM;
    }
    words = page_map(s->made);
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*words); i++) {
        words[i] = d->pod.pattern;
    }
    s->data = words;
    return 0;
}

static int source_find(struct vcpu *v, gfn_t gfn, struct source *s)
{
    struct domain *d = vcpu_domain(v);
    int rc;

    *s = (struct source){.data = NULL};
    if (d->pod.pattern && p2m_get(&d->p2m, gfn).type == P2M_POD_PATTERN) {
        return make_pattern(d, s);
    }
    rc = memory_get_own_page_to_read(v, gfn, &s->pg);
    if (!rc && s->pg) {
        s->data = page_map(s->pg);
    }
    return rc ? frame_error(rc) : 0;
}

static void source_end(const struct source *s)
{
    if (s->pg) {
        page_put(s->pg);
    }
    if (s->made) {
        page_free(s->made, ORDER_4K);
    }
}

static int64_t put_page(struct vcpu *v, struct tmem_client *c,
                        const struct tmem_op *op)
{
    struct tmem_handle h = handle_of(op);
    struct source s;
    int rc = source_find(v, GFN(op->u.gen.cmfn), &s);

    if (rc == -ERESTART) {
        return rc;
    }
    if (rc) {
        int dropped = tmem_flush_page(c, &h);

        return dropped == -ENODEV ? dropped : rc;
    }
    rc = tmem_put(c, &h, s.data);
    source_end(&s);
    return rc;
}

/* The page that a hit is copied to. NULL: none is needed, the guest reads zeros
 * there as it is. */
static int target_find(struct vcpu *v, gfn_t gfn, const struct tmem_hit *hit,
                       struct page **pg)
{
    struct domain *d = vcpu_domain(v);
    int rc;

    *pg = NULL;
    if (tmem_hit_is_zero(hit) &&
        p2m_types[p2m_get(&d->p2m, gfn).type].is_zero) {
        return 0;
    }
    rc = memory_get_own_page(v, gfn, true, pg);
    return rc ? frame_error(rc) : 0;
}

static int64_t get_page(struct vcpu *v, struct tmem_client *c,
                        const struct tmem_op *op)
{
    struct tmem_handle h = handle_of(op);
    struct tmem_hit hit;
    struct page *pg;
    int rc = tmem_get_begin(c, &h, &hit), wrong;

    if (rc <= 0) {
        return rc;
    }
    wrong = target_find(v, GFN(op->u.gen.cmfn), &hit, &pg);
    if (pg) {
        tmem_hit_copy(&hit, page_map(pg));
        page_put(pg);
    }
    tmem_get_end(&hit, !wrong);
    return wrong ? wrong : rc;
}

static int64_t flush_page(struct vcpu *v, struct tmem_client *c,
                          const struct tmem_op *op)
{
    struct tmem_handle h = handle_of(op);

    (void)v;
    return tmem_flush_page(c, &h);
}

static int64_t flush_object(struct vcpu *v, struct tmem_client *c,
                            const struct tmem_op *op)
{
    struct tmem_handle h = handle_of(op);
    int rc;

    do {
        rc = tmem_flush_object(c, &h);
    } while (rc == -ERESTART && !hypercall_preempt(v));
    return rc;
}

/*
 * The commands.
 */

typedef int64_t page_op_fn(struct vcpu *v, struct tmem_client *c,
                           const struct tmem_op *op);

static page_op_fn *const page_ops[] = {
    [TMEM_PUT_PAGE] = put_page,
    [TMEM_GET_PAGE] = get_page,
    [TMEM_FLUSH_PAGE] = flush_page,
    [TMEM_FLUSH_OBJECT] = flush_object,
};

static bool is_of_whole_page(const struct tmem_op *op)
{
    return !op->u.gen.tmem_offset && !op->u.gen.pfn_offset && !op->u.gen.len;
}

static int64_t page_op(struct vcpu *v, const struct tmem_op *op)
{
    struct tmem_client *c = tmem_client_of(vcpu_domain(v));

    if (op->cmd >= ARRAY_COUNT(page_ops) || !page_ops[op->cmd] ||
        !is_of_whole_page(op)) {
        return -ENOSYS;
    }
    return c ? page_ops[op->cmd](v, c, op) : -ENODEV;
}

static int64_t do_op(struct vcpu *v, const struct tmem_op *op)
{
    switch (op->cmd) {
    case TMEM_CONTROL:
    case TMEM_AUTH:
    case TMEM_RESTORE_NEW:
        return -EOPNOTSUPP; /* the toolstack's, by sysctl */
    case TMEM_NEW_POOL:
        return new_pool(v, op);
    case TMEM_DESTROY_POOL:
        return destroy_pool(v, op);
    default:
        return page_op(v, op);
    }
}

/* Ticks of the calls about pages; one that goes on is several. */
static void note_time(struct vcpu *v, uint32_t command, int64_t result,
                      uint64_t ticks)
{
    static const enum tmem_timed kinds[][2] = {
        [TMEM_PUT_PAGE] = {TMEM_TIME_PUT_FAIL, TMEM_TIME_PUT},
        [TMEM_GET_PAGE] = {TMEM_TIME_GET_FAIL, TMEM_TIME_GET},
        [TMEM_FLUSH_PAGE] = {TMEM_TIME_FLUSH, TMEM_TIME_FLUSH},
        [TMEM_FLUSH_OBJECT] = {TMEM_TIME_FLUSH_OBJECT, TMEM_TIME_FLUSH_OBJECT},
    };

    v->tmem_ticks += ticks;
    if (command >= TMEM_PUT_PAGE && command < ARRAY_COUNT(kinds)) {
        tmem_time_note(kinds[command][result == 1], ticks);
    }
}

int64_t hc_tmem_op(struct vcpu *v, const uint64_t args[6])
{
    uint64_t start = arch_tsc();
    struct tmem_op op;
    int64_t result;
    int rc;

    if (!tmem_is_on() || READ_ONCE(vcpu_domain(v)->dying)) {
        return -ENODEV;
    }
    rc = copy_from_guest(v, &op, args[0], sizeof(op));
    if (rc) {
        return rc;
    }
    result = do_op(v, &op);
    note_time(v, op.cmd, result, arch_tsc() - start);
    return result;
}
