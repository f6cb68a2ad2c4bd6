/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_FOREIGN_H
#define LIBXC_FOREIGN_H
/*
 * A guest's memory, mapped into this process.
 */
#include <stdint.h>

struct xc;

/*
 * Copies bytes to a guest that has not run yet. Its fresh pages are zero, so
 * pages that would only receive zeros are left alone: a placeholder stays a
 * placeholder. -ENOMEM: a page was promised and there is nothing to back it.
 */
int foreign_load(struct xc *xc, uint32_t domid, uint64_t gpa, const void *data,
                 uint64_t size);

/*
 * A guest's frames [gfn, +count) to look at, as they are now; what is only
 * promised, or not there, reads as zeros and stays what it is. view->pages is
 * valid until foreign_forget(). -EOPNOTSUPP: another hypervisor, where to look
 * at a promise takes a page. 0 or -errno; leaves the error text to the caller.
 */
struct foreign_view {
    const uint8_t *pages;
    void *handle;
};
int foreign_look(struct xc *xc, uint32_t domid, uint64_t gfn,
                 unsigned int count, struct foreign_view *view);
void foreign_forget(struct xc *xc, struct foreign_view *view);

/*
 * Writes to a domain's first grant table frame: entry[i] = {permit access,
 * domain `to`, frame gfns[i]} for `count` entries from 0.
 */
int foreign_grant(struct xc *xc, uint32_t domid, uint32_t to,
                  const uint64_t *gfns, unsigned int count);

void foreign_close(struct xc *xc);

#endif
