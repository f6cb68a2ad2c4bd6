/* SPDX-License-Identifier: MIT */
/* The statistics of transcendent memory as text: lines X=tag:value,... of Xen's
 * tools (T-37). */
#ifndef GUEST_TMEM_TEXT_H
#define GUEST_TMEM_TEXT_H

#include "domain/domain.h"

/*
 * Write them to `length` bytes at gva of the caller, whole lines and a final 0:
 * of d, which the caller entered (tmem_client_enter()), or with NULL of all and
 * the host. all_numbers: the long form. -ENOBUFS: what fitted is there, but
 * there was more; -EFAULT.
 */
int must_check tmem_text_write(struct vcpu *caller, struct domain *d,
                               bool all_numbers, uint64_t gva, uint32_t length);

#endif
