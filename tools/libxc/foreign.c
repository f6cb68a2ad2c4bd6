/* SPDX-License-Identifier: MIT */
/*
 * Foreign mappings cost the hypervisor two calls per page, and keep a
 * reference to it until they are undone. So pages are mapped in batches, only
 * those that have something to receive, and each batch is unmapped at once.
 */
#include "libxc/foreign.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xenforeignmemory.h>

#include "libxc/handle.h"
#include "libxc/layout.h"
#include "libxc/podium_calls.h"
#include "libxc/transport.h"

#define BATCH_PAGES 1024

/* Pieces of pages to be written; data[i] goes to offset[i] of page gfns[i]. */
struct batch {
    uint32_t domid;
    unsigned int count;
    xen_pfn_t gfns[BATCH_PAGES];
    const uint8_t *data[BATCH_PAGES];
    uint16_t offset[BATCH_PAGES];
    uint16_t size[BATCH_PAGES];
    int errors[BATCH_PAGES];
};

static xenforeignmemory_handle *connection(struct xc *xc)
{
    if (!xc->foreign) {
        xc->foreign = xenforeignmemory_open(xc_quiet_logger(), 0);
    }
    return xc->foreign;
}

void foreign_close(struct xc *xc)
{
    if (xc->foreign) {
        xenforeignmemory_close(xc->foreign);
        xc->foreign = NULL;
    }
}

static bool all_zero(const uint8_t *data, uint64_t size)
{
    return size == 0 || (data[0] == 0 && !memcmp(data, data + 1, size - 1));
}

static int first_error(const struct batch *b, unsigned int *which)
{
    for (unsigned int i = 0; i < b->count; i++) {
        if (b->errors[i]) {
            *which = i;
            return b->errors[i];
        }
    }
    return 0;
}

static int flush_batch(struct xc *xc, struct batch *b)
{
    unsigned int which = 0;
    uint8_t *pages;
    int rc;

    if (b->count == 0) {
        return 0;
    }
    pages =
        xenforeignmemory_map(connection(xc), b->domid, PROT_READ | PROT_WRITE,
                             b->count, b->gfns, b->errors);
    if (!pages) {
        return xc_fail_errno(xc, -errno, "cannot map memory of domain %u",
                             b->domid);
    }
    rc = first_error(b, &which);
    for (unsigned int i = 0; !rc && i < b->count; i++) {
        memcpy(pages + (size_t)i * PAGE_BYTES + b->offset[i], b->data[i],
               b->size[i]);
    }
    xenforeignmemory_unmap(xc->foreign, pages, b->count);
    if (rc) {
        return xc_fail_errno(xc, rc, "cannot map frame 0x%llx of domain %u",
                             (unsigned long long)b->gfns[which], b->domid);
    }
    b->count = 0;
    return 0;
}

static void add_piece(struct batch *b, uint64_t gpa, const uint8_t *data,
                      uint64_t size)
{
    unsigned int i = b->count++;

    b->gfns[i] = gpa / PAGE_BYTES;
    b->offset[i] = gpa % PAGE_BYTES;
    b->data[i] = data;
    b->size[i] = (uint16_t)size;
    b->errors[i] = 0;
}

static int load_batches(struct xc *xc, struct batch *b, uint64_t gpa,
                        const uint8_t *data, uint64_t size)
{
    while (size) {
        uint64_t piece = PAGE_BYTES - gpa % PAGE_BYTES;
        int rc;

        piece = piece < size ? piece : size;
        if (!all_zero(data, piece)) {
            add_piece(b, gpa, data, piece);
        }
        if (b->count == BATCH_PAGES) {
            rc = flush_batch(xc, b);
            if (rc) {
                return rc;
            }
        }
        gpa += piece;
        data += piece;
        size -= piece;
    }
    return flush_batch(xc, b);
}

int foreign_load(struct xc *xc, uint32_t domid, uint64_t gpa, const void *data,
                 uint64_t size)
{
    struct batch *b;
    int rc;

    if (!connection(xc)) {
        return xc_fail_errno(xc, -ENOTCONN, "cannot map memory");
    }
    b = malloc(sizeof(*b));
    if (!b) {
        return xc_fail_errno(xc, -ENOMEM, "cannot load the guest");
    }
    b->domid = domid;
    b->count = 0;
    rc = load_batches(xc, b, gpa, data, size);
    free(b);
    return rc;
}

int foreign_look(struct xc *xc, uint32_t domid, uint64_t gfn,
                 unsigned int count, struct foreign_view *view)
{
    void *pages = NULL;

    if (!podium_is_here(xc)) {
        return -EOPNOTSUPP;
    }
    if (!connection(xc)) {
        return -ENOTCONN;
    }
    view->handle = xenforeignmemory_map_resource(xc->foreign, (domid_t)domid,
                                                 PODIUM_RESOURCE_memory, 0, gfn,
                                                 count, &pages, PROT_READ, 0);
    view->pages = pages;
    return view->handle ? 0 : -errno;
}

void foreign_forget(struct xc *xc, struct foreign_view *view)
{
    xenforeignmemory_unmap_resource(xc->foreign, view->handle);
}

/* ---- grant entries ----------------------------------------------------- */

static void write_grants(grant_entry_v1_t *table, uint32_t to,
                         const uint64_t *gfns, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        table[i].frame = (uint32_t)gfns[i];
        table[i].domid = (domid_t)to;
        __atomic_store_n(&table[i].flags, GTF_permit_access, __ATOMIC_RELEASE);
    }
}

/*
 * For a kernel or hypervisor that cannot map a grant table directly: put its
 * frame into the guest's address space for a moment, at a frame that is
 * nothing else, and map it from there.
 */
static int grant_through_physmap(struct xc *xc, uint32_t domid, uint32_t to,
                                 const uint64_t *gfns, unsigned int count)
{
    struct xen_add_to_physmap add = {
        .domid = (domid_t)domid,
        .space = XENMAPSPACE_grant_table,
        .idx = 0,
        .gpfn = LAYOUT_SCRATCH_GFN,
    };
    struct xen_remove_from_physmap remove = {
        .domid = (domid_t)domid,
        .gpfn = LAYOUT_SCRATCH_GFN,
    };
    xen_pfn_t gfn = LAYOUT_SCRATCH_GFN;
    int error = 0, rc;
    void *table;

    rc = hv_memory(xc, XENMEM_add_to_physmap, &add, sizeof(add));
    if (rc < 0) {
        return rc;
    }
    table = xenforeignmemory_map(xc->foreign, domid, PROT_READ | PROT_WRITE, 1,
                                 &gfn, &error);
    rc = !table ? -errno : error;
    if (table) {
        if (!rc) {
            write_grants(table, to, gfns, count);
        }
        xenforeignmemory_unmap(xc->foreign, table, 1);
    }
    hv_memory(xc, XENMEM_remove_from_physmap, &remove, sizeof(remove));
    return rc;
}

static int grant_through_resource(struct xc *xc, uint32_t domid, uint32_t to,
                                  const uint64_t *gfns, unsigned int count)
{
    xenforeignmemory_resource_handle *resource;
    void *table = NULL;

    resource = xenforeignmemory_map_resource(
        xc->foreign, (domid_t)domid, XENMEM_resource_grant_table,
        XENMEM_resource_grant_table_id_shared, 0, 1, &table,
        PROT_READ | PROT_WRITE, 0);
    if (!resource) {
        return -errno;
    }
    write_grants(table, to, gfns, count);
    xenforeignmemory_unmap_resource(xc->foreign, resource);
    return 0;
}

int foreign_grant(struct xc *xc, uint32_t domid, uint32_t to,
                  const uint64_t *gfns, unsigned int count)
{
    int rc;

    if (!connection(xc)) {
        return xc_fail_errno(xc, -ENOTCONN, "cannot write grants");
    }
    rc = grant_through_resource(xc, domid, to, gfns, count);
    if (rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -ENOTTY) {
        rc = grant_through_physmap(xc, domid, to, gfns, count);
    }
    if (rc) {
        return xc_fail_errno(xc, rc, "cannot write domain %u's grant table",
                             domid);
    }
    return 0;
}
