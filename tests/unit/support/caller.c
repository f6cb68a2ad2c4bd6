/* SPDX-License-Identifier: MIT */
#include "caller.h"

#include "guest/hypercall.h"
#include "unit.h"

#include <xen/xen.h>

unsigned caller_continued;

int64_t caller_call(struct vcpu *v, uint64_t nr, uint64_t a, uint64_t b,
                    uint64_t c)
{
    uint64_t kept = nr == __HYPERVISOR_memory_op ? 63 : ~0ULL;

    v->regs.rax = nr;
    v->regs.rdi = a;
    v->regs.rsi = b;
    v->regs.rdx = c;
    caller_continued = 0;
    while (!hypercall(v)) {
        EXPECT_EQ(v->regs.rax, nr);
        EXPECT_EQ(v->regs.rdi & kept, a & kept);
        caller_continued++;
    }
    return (int64_t)v->regs.rax;
}

int64_t caller_memory_op(struct vcpu *v, uint64_t command, uint64_t gva)
{
    return caller_call(v, __HYPERVISOR_memory_op, command, gva, 0);
}

void *caller_at(struct vcpu *v, uint64_t gva)
{
    return domain_page(v->domain, gva >> PAGE_SHIFT);
}

void caller_list(struct vcpu *v, uint64_t first, uint64_t step, unsigned count)
{
    uint64_t *gfns = caller_at(v, LIST);

    for (unsigned i = 0; i < count; i++) {
        gfns[i] = first + i * step;
    }
}
