/* SPDX-License-Identifier: MIT */
/* The slow halves of lock.h, and locks in pairs. */
#include "base/lock.h"
#include "arch/timer.h"
#include "base/panic.h"

void lock_init(struct lock *l, enum lock_rank rank)
{
    *l = (struct lock)LOCK_INIT(rank);
}

void lock_wait(struct lock *l, uint32_t ticket)
{
    struct percpu *cpu = this_percpu();
    uint64_t since = arch_time_ns();

    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket) {
        arch_cpu_relax();
    }
    cpu->locks_waited[l->rank]++;
    cpu->locks_wait_ns[l->rank] += arch_time_ns() - since;
}

void lock_rank_violated(const struct lock *l)
{
    panic("lock order: taking rank %d while holding ranks %x (bit mask)",
          l->rank, this_percpu()->held_ranks);
}

bool try_lock(struct lock *l)
{
    uint32_t ticket = READ_ONCE(l->serving);

    lock_note_rank(l);
    if (!__atomic_compare_exchange_n(&l->next, &ticket, ticket + 1, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        lock_forget_rank(l);
        return false;
    }
    this_percpu()->locks_taken[l->rank]++;
    if (LOCK_KNOWS_HOLDER) {
        WRITE_ONCE(l->holder, (uint16_t)(arch_cpu() + 1));
    }
    return true;
}

void lock_two(struct lock *a, struct lock *b)
{
    CHECK(a->rank_bit == b->rank_bit);
    lock(a < b ? a : b);
    if (a != b) {
        lock_take(a < b ? b : a);
    }
}

void unlock_two(struct lock *a, struct lock *b)
{
    if (a != b) {
        lock_release(a < b ? b : a);
    }
    unlock(a < b ? a : b);
}

bool lock_held(const struct lock *l)
{
    if (LOCK_KNOWS_HOLDER) {
        return READ_ONCE(l->holder) == arch_cpu() + 1;
    }
    return READ_ONCE(l->next) != READ_ONCE(l->serving);
}
