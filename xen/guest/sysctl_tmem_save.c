/* SPDX-License-Identifier: MIT */
/*
 * Saving and restoring a client's persistent pages, one by one (T-41..T-43). A
 * page travels as the guest would get it, whatever it is stored as. What has
 * been handed out is not handed out again, so the caller's buffer is seen to
 * first.
 */
#include "guest/sysctl_tmem.h"

#include "guest/copy.h"
#include "mm/page_alloc.h"
#include "types/error.h"

int tmem_control_save_begin(const struct tmem_call *c)
{
    return tmem_save_begin(c->client, c->op->arg);
}

int tmem_control_save_end(const struct tmem_call *c)
{
    return tmem_save_end(c->client);
}

static struct podium_tmem_handle handle_record(const struct tmem_handle *h)
{
    return (struct podium_tmem_handle){
        .pool = h->pool_id,
        .index = h->index,
        .oid = {h->oid[0], h->oid[1], h->oid[2]},
    };
}

static struct tmem_handle handle_of(const struct podium_tmem_control *op)
{
    return (struct tmem_handle){
        .pool_id = op->pool,
        .index = op->arg,
        .oid = {op->oid[0], op->oid[1], op->oid[2]},
    };
}

/* A page of our own, between the guest and the core. */
static void *bounce_alloc(struct page **pg)
{
    *pg = page_alloc(PAGE_HEAP, ORDER_4K);
    return *pg ? page_map(*pg) : NULL;
}

/* Its page as the guest would get it, whatever it is stored as. */
static int write_saved(const struct tmem_call *c, const struct tmem_handle *h,
                       void *page)
{
    struct podium_tmem_handle record = handle_record(h);
    struct tmem_hit hit;
    int rc = tmem_get_begin(c->client, h, &hit);

    if (rc <= 0) {
        return rc ? rc : -ENOENT;
    }
    tmem_hit_copy(&hit, page);
    tmem_get_end(&hit, false);
    rc = copy_to_guest(c->caller, c->op->buffer, &record, sizeof(record));
    if (!rc) {
        rc = copy_to_guest(c->caller, c->op->buffer + sizeof(record), page,
                           PAGE_SIZE);
    }
    return rc ? rc : (int)(sizeof(record) + PAGE_SIZE);
}

int tmem_control_save_next_page(const struct tmem_call *c)
{
    struct tmem_record record;
    struct page *pg;
    void *page;
    int rc;

    if (c->op->length < sizeof(struct podium_tmem_handle) + PAGE_SIZE) {
        return -ENOBUFS;
    }
    /* A page that cannot be written would be lost for the save. */
    rc = copy_prepare(c->caller, c->op->buffer, c->op->length);
    if (rc) {
        return rc;
    }
    page = bounce_alloc(&pg);
    if (!page) {
        return -ENOMEM;
    }
    do { /* one that was flushed meanwhile is on the list of those */
        rc = tmem_save_next(c->client, c->op->pool, &record, page);
        if (rc > 0) {
            rc = write_saved(c, &record.handle, page);
        } else if (!rc) {
            rc = -ENODATA;
        }
    } while (rc == -ENOENT);
    page_free(pg, ORDER_4K);
    return rc == -ENODATA ? -ENOENT : rc;
}

int tmem_control_save_next_flushed(const struct tmem_call *c)
{
    struct podium_tmem_handle record;
    struct tmem_handle h;
    int rc;

    if (c->op->length < sizeof(record)) {
        return -ENOBUFS;
    }
    rc = copy_prepare(c->caller, c->op->buffer, sizeof(record));
    if (!rc) {
        rc = tmem_save_next_flushed(c->client, &h);
    }
    if (rc <= 0) {
        return rc;
    }
    record = handle_record(&h);
    rc = copy_to_guest(c->caller, c->op->buffer, &record, sizeof(record));
    return rc ? rc : 1;
}

/* That there is a client now is all. */
int tmem_control_restore_begin(const struct tmem_call *c)
{
    (void)c;
    return 0;
}

int tmem_control_restore_put(const struct tmem_call *c)
{
    struct tmem_record record = {
        .handle = handle_of(c->op),
        .form = TMEM_RAW,
        .length = PAGE_SIZE,
    };
    struct page *pg;
    void *page;
    int rc;

    if (c->op->length != PAGE_SIZE) {
        return -EINVAL;
    }
    page = bounce_alloc(&pg);
    if (!page) {
        return -ENOMEM;
    }
    rc = copy_from_guest(c->caller, page, c->op->buffer, PAGE_SIZE);
    if (!rc) {
        rc = tmem_restore(c->client, &record, page);
    }
    page_free(pg, ORDER_4K);
    return rc;
}

int tmem_control_restore_flush(const struct tmem_call *c)
{
    struct tmem_handle h = handle_of(c->op);
    int rc = tmem_flush_page(c->client, &h);

    return rc == -TMEM_EFROZEN ? 1 : rc;
}
