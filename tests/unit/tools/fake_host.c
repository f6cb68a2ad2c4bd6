/* SPDX-License-Identifier: MIT */
#include "fake_host.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <xen/event_channel.h>
#include <xen/hvm/save.h>
#include <xen/memory.h>

#include "libxc/foreign.h"
#include "libxc/handle.h"
#include "libxc/store.h"
#include "libxc/transport.h"

struct fake_host host;

void fake_host_reset(void)
{
    memset(&host, 0, sizeof(host));
    host.free_pages = 1u << 20;
    host.fail_with = -ENOMEM;
}

static bool fails(void)
{
    return ++host.calls == host.fail_at;
}

static int wrong(void)
{
    host.wrong++;
    return -EINVAL;
}

/* ---- memory_op --------------------------------------------------------- */

static int take_pages(uint64_t count)
{
    if (host.total + count > host.max_pages || count > host.free_pages) {
        return -ENOMEM;
    }
    host.total += count;
    host.free_pages -= count;
    return 0;
}

static int populate_one(uint64_t gfn, unsigned int order, bool pod)
{
    uint64_t count = 1ull << order;

    if (gfn % count || (order && host.no_large_pages)) {
        return -EINVAL;
    }
    if (pod) {
        host.entries += count;
    } else if (take_pages(count)) {
        return -ENOMEM;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (gfn + i >= FAKE_FRAMES) {
            continue;
        }
        host.frames[gfn + i]++;
    }
    return 0;
}

static int populate(const struct xen_memory_reservation *r)
{
    const xen_pfn_t *list = r->extent_start.p;
    bool pod = r->mem_flags & XENMEMF_populate_on_demand;

    host.populate_calls++;
    for (unsigned int i = 0; i < r->nr_extents; i++) {
        if (populate_one(list[i], r->extent_order, pod)) {
            return (int)i;
        }
    }
    return (int)r->nr_extents;
}

static int claim(uint64_t pages)
{
    if (pages == 0) {
        host.claim = 0;
        return 0;
    }
    if (pages <= host.total || pages > host.max_pages) {
        return wrong();
    }
    if (pages - host.total > host.free_pages) {
        return -ENOMEM;
    }
    host.claim = pages;
    host.claimed_ever = true;
    return 0;
}

static int set_pod_target(struct xen_pod_target *t)
{
    int rc;

    if (t->target_pages > host.max_pages) {
        return wrong();
    }
    host.pod_target = t->target_pages;
    if (t->target_pages <= host.total) {
        return 0;
    }
    rc = take_pages(t->target_pages - host.total);
    if (!rc) {
        host.cache = t->target_pages;
    }
    return rc;
}

static int get_pod_target(struct xen_pod_target *t)
{
    t->tot_pages = host.total;
    t->pod_cache_pages = host.cache;
    t->pod_entries = host.entries;
    return 0;
}

int hv_memory(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    struct xen_memory_reservation *r = arg;

    /* Releasing a claim cannot fail. */
    if (cmd == XENMEM_claim_pages && r->nr_extents == 0) {
        return claim(0);
    }
    if (fails()) {
        return host.fail_with;
    }
    if (cmd == XENMEM_claim_pages) {
        return claim(r->nr_extents);
    }
    if (cmd == XENMEM_populate_physmap) {
        return populate(r);
    }
    if (cmd == XENMEM_get_pod_target) {
        return get_pod_target(arg);
    }
    return cmd == XENMEM_set_pod_target ? set_pod_target(arg) : 0;
}

/* ---- domctl and the rest ----------------------------------------------- */

/* A header, one memory-type record, an end. */
static int get_context(struct xen_domctl_hvmcontext *c)
{
    static const struct hvm_save_descriptor header = {
        .typecode = HVM_SAVE_CODE(HEADER), .length = HVM_SAVE_LENGTH(HEADER)};
    static const struct hvm_save_descriptor mtrr = {
        .typecode = HVM_SAVE_CODE(MTRR), .length = HVM_SAVE_LENGTH(MTRR)};
    uint8_t *p = c->buffer.p;

    c->size = sizeof(header) + header.length + sizeof(mtrr) + mtrr.length +
              sizeof(header);
    if (p) {
        memset(p, 0, c->size);
        memcpy(p, &header, sizeof(header));
        memcpy(p + sizeof(header) + header.length, &mtrr, sizeof(mtrr));
    }
    return 0;
}

static int destroy(void)
{
    host.free_pages += host.total;
    host.total = host.cache = host.entries = host.claim = 0;
    host.exists = false;
    return 0;
}

static int domctl(struct xen_domctl *op)
{
    switch (op->cmd) {
    case XEN_DOMCTL_createdomain:
        host.exists = true;
        op->domain = FAKE_DOMID;
        return 0;
    case XEN_DOMCTL_max_mem:
        host.max_pages = op->u.max_mem.max_memkb / 4;
        return 0;
    case XEN_DOMCTL_gethvmcontext:
        return get_context(&op->u.hvmcontext);
    case XEN_DOMCTL_getdomaininfo:
        op->u.getdomaininfo.domain = op->domain;
        op->u.getdomaininfo.tot_pages = host.total;
        op->u.getdomaininfo.max_pages = host.max_pages;
        op->u.getdomaininfo.flags = XEN_DOMINF_hvm_guest;
        return 0;
    default:
        return 0;
    }
}

int hv_domctl(struct xc *xc, struct xen_domctl *op)
{
    /* Cleaning up must work, or a test could not tell what was left. */
    if (op->cmd == XEN_DOMCTL_destroydomain) {
        return host.exists ? destroy() : -ESRCH;
    }
    if (op->cmd == XEN_DOMCTL_getdomaininfo && !host.exists) {
        return -ESRCH;
    }
    if (op->cmd != XEN_DOMCTL_createdomain && !host.exists) {
        return wrong();
    }
    if (op->cmd != XEN_DOMCTL_getdomaininfo && fails()) {
        return host.fail_with;
    }
    return domctl(op);
}

int hv_sysctl(struct xc *xc, struct xen_sysctl *op)
{
    return 0;
}

int hv_version(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    return 0;
}

int hv_evtchn(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    return fails() ? host.fail_with : 0;
}

int hv_hvm(struct xc *xc, unsigned int cmd, void *arg, size_t size)
{
    return fails() ? host.fail_with : 0;
}

void *hv_alloc(struct xc *xc, size_t size)
{
    void *p = fails() ? NULL : calloc(1, size);

    host.buffers += p != NULL;
    return p;
}

void hv_free(struct xc *xc, void *buffer)
{
    host.buffers -= buffer != NULL;
    free(buffer);
}

void hv_close(struct xc *xc)
{
}

/* ---- foreign mappings -------------------------------------------------- */

int foreign_load(struct xc *xc, uint32_t domid, uint64_t gpa, const void *data,
                 uint64_t size)
{
    for (uint64_t at = gpa; at < gpa + size; at += PAGE_BYTES) {
        uint64_t gfn = at / PAGE_BYTES;

        if (gfn < FAKE_FRAMES && !host.frames[gfn]) {
            wrong();
        }
    }
    return fails() ? xc_fail(xc, host.fail_with, "foreign") : 0;
}

int foreign_grant(struct xc *xc, uint32_t domid, uint32_t to,
                  const uint64_t *gfns, unsigned int count)
{
    return fails() ? xc_fail(xc, host.fail_with, "grant") : 0;
}

void foreign_close(struct xc *xc)
{
}

/* ---- xenstore ---------------------------------------------------------- */

void store_put(struct store_writer *w, enum store_access access,
               const char *value, const char *fmt, ...)
{
}

void store_put_number(struct store_writer *w, enum store_access access,
                      uint64_t value, const char *fmt, ...)
{
    if (strstr(fmt, "memory/target")) {
        host.store_target = value;
    } else if (strstr(fmt, "memory/static-max")) {
        host.store_max = value;
    }
}

int store_transaction(struct xc *xc, uint32_t domid,
                      void (*body)(struct store_writer *w, const void *arg),
                      const void *arg)
{
    struct store_writer w = {.xc = xc, .domid = domid};

    if (fails()) {
        return xc_fail(xc, host.fail_with, "store");
    }
    body(&w, arg);
    host.nodes = 3;
    return 0;
}

int store_read_number(struct xc *xc, uint64_t *value, const char *fmt, ...)
{
    *value = 0;
    if (strstr(fmt, "memory/target")) {
        *value = host.store_target;
    } else if (strstr(fmt, "memory/static-max")) {
        *value = host.store_max;
    }
    return *value ? 0 : -ENOENT;
}

int store_read_string(struct xc *xc, char *value, size_t size, const char *fmt,
                      ...)
{
    return -ENOENT;
}

/* Three trees per domain: its home, /libxl and /vm. */
int store_remove(struct xc *xc, const char *fmt, ...)
{
    host.nodes -= host.nodes > 0;
    return 0;
}

int store_introduce(struct xc *xc, uint32_t domid, uint64_t ring_gfn,
                    uint32_t port)
{
    if (fails()) {
        return xc_fail(xc, host.fail_with, "introduce");
    }
    host.introduced = true;
    return 0;
}

void store_release(struct xc *xc, uint32_t domid)
{
    host.introduced = false;
}

int store_watch(struct xc *xc, const char *path)
{
    return 0;
}

int store_wait(struct xc *xc, int timeout_ms)
{
    return -ETIMEDOUT;
}

void store_unwatch(struct xc *xc, const char *path)
{
}

void store_close(struct xc *xc)
{
}

int xc_store_read(struct xc *xc, const char *path, char **value)
{
    return -ENOENT;
}

int xc_store_write(struct xc *xc, const char *path, const char *value)
{
    return 0;
}
