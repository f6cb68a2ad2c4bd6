/* SPDX-License-Identifier: MIT */
/*
 * Reaching a guest's memory on behalf of its hypercalls (CP-7). Placeholders
 * are populated on the way, as a touch by the guest would.
 */
#ifndef GUEST_COPY_H
#define GUEST_COPY_H

#include "domain/domain.h"

/*
 * Between hypervisor memory and v's virtual addresses, as v's kernel would
 * reach them. -EFAULT: not mapped, or not for writing; -ENOMEM: out of PoD
 * memory; what was copied until then stays. Results that the guest has no page
 * for, and none is found soon: -EFAULT, too.
 *
 * v runs here and executes a hypercall. copy_from_guest() may return -ERESTART:
 * looking for PoD memory takes long, or v has to wait for it (memory_wait());
 * nothing is lost by executing the hypercall again. copy_to_guest() never
 * does: results are written after something was changed. Reading takes no page
 * for them. So who changes something and writes calls copy_prepare() first; who
 * only answers uses copy_answer(), which may.
 */
int must_check copy_from_guest(struct vcpu *v, void *to, uint64_t gva,
                               size_t size);
int must_check copy_to_guest(struct vcpu *v, uint64_t gva, const void *from,
                             size_t size);
int must_check copy_answer(struct vcpu *v, uint64_t gva, const void *from,
                           size_t size);

/* Is there writable memory behind [gva, +size)? Afterwards there is, as far as
 * the guest leaves it alone. Errors as of copy_from_guest(). */
int must_check copy_prepare(struct vcpu *v, uint64_t gva, size_t size);

/* As copy_from_guest(), of code that is looked at: v never waits for it. */
int must_check copy_code(struct vcpu *v, void *to, uint64_t gva, size_t size);

/* The same with guest-physical addresses of d. */
int must_check copy_from_gpa(struct domain *d, void *to, gpa_t gpa,
                             size_t size);
int must_check copy_to_gpa(struct domain *d, gpa_t gpa, const void *from,
                           size_t size);

/*
 * The one or two pages behind [gva, +size), size <= PAGE_SIZE, each with a
 * reference; pages[1] is NULL when one is enough. *offset: into the first.
 */
int must_check copy_translate(struct vcpu *v, uint64_t gva, size_t size,
                              bool write, struct page *pages[2],
                              uint16_t *offset);

#endif
