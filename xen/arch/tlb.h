/* SPDX-License-Identifier: MIT */
/*
 * Contract: second-stage translations that CPUs may have cached.
 *
 * One guest_tlb per p2m. arch_guest_run() marks the CPU in `running` from
 * before it checks `generation` until after it has left the guest, and
 * flushes when the generation that this CPU saw last is not the current one.
 *
 * The hypervisor itself reads the tables without a lock as hardware does: a
 * flush waits for whoever began before it. So what was taken out of the tables
 * stays whole for a reader until the flush, as it does for a guest.
 */
#ifndef ARCH_TLB_H
#define ARCH_TLB_H

#include "arch/cpu.h"
#include "types/words.h"

struct guest_tlb {
    uint64_t number;         /* whose it is: no two guests' are the same */
    uint64_t generation;     /* counts flushes asked for */
    uint64_t running;        /* bit per CPU now in this guest */
    uint64_t readers;        /* bit per CPU now reading its tables */
    uint64_t seen[MAX_CPUS]; /* what a CPU does in it began no earlier */
};

void arch_guest_tlb_init(struct guest_tlb *tlb);

/*
 * Between these, this CPU may follow the guest's tables without a lock, and
 * take references on pages that it finds. Short, not nested, no flush within.
 */
void arch_guest_tlb_read_begin(struct guest_tlb *tlb);
void arch_guest_tlb_read_end(struct guest_tlb *tlb);

/*
 * When this returns, no CPU can use a second-stage translation of this guest
 * that was cached or read before the call. Spins until CPUs in the guest have
 * left it (they are kicked and need no lock to leave), and readers are done.
 * Callers may hold locks.
 */
void arch_guest_tlb_flush(struct guest_tlb *tlb);

#endif
