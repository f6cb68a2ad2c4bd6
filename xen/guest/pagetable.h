/* SPDX-License-Identifier: MIT */
/* A guest's own page tables, read as its processor would. */
#ifndef GUEST_PAGETABLE_H
#define GUEST_PAGETABLE_H

#include "domain/domain.h"

/*
 * The guest-physical address behind gva for v's kernel: the user bit and SMAP
 * do not matter (CP-7). -EFAULT: not canonical, not present, or read-only;
 * else what memory_get_page() says of a table's page, or, if v may wait,
 * memory_get_own_page(). What was found is remembered until
 * pagetable_forget().
 */
int must_check pagetable_translate(struct vcpu *v, uint64_t gva, bool write,
                                   bool may_wait, gpa_t *gpa);

/* v's guest has run: its tables may say something else now. */
void pagetable_forget(struct vcpu *v);

#endif
