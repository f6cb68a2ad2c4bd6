/* SPDX-License-Identifier: MIT */
/*
 * Contract: second-stage translations that CPUs may have cached.
 *
 * One guest_tlb per p2m. arch_guest_run() marks the CPU in `running` from
 * before it checks `generation` until after it has left the guest, and
 * flushes when the generation that this CPU saw last is not the current one.
 */
#ifndef ARCH_TLB_H
#define ARCH_TLB_H

#include "arch/cpu.h"
#include "types/words.h"

struct guest_tlb {
    uint64_t generation;     /* counts flushes asked for */
    uint64_t running;        /* bit per CPU now in this guest */
    uint64_t seen[MAX_CPUS]; /* generation each CPU flushed up to */
};

void arch_guest_tlb_init(struct guest_tlb *tlb);

/*
 * When this returns, no CPU can use a second-stage translation of this guest
 * that was cached before the call. Spins until CPUs in the guest have left
 * it (they are kicked and need no lock to leave). Callers may hold locks.
 */
void arch_guest_tlb_flush(struct guest_tlb *tlb);

#endif
