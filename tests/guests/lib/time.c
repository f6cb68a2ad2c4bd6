/* SPDX-License-Identifier: MIT */
#include "time.h"

#include "cpu.h"
#include "event.h"
#include "hypercall.h"

#include <xen/vcpu.h>

/* Parameters may change between any two reads; the version tells. */
uint64_t time_now(void)
{
    volatile struct vcpu_time_info *t =
        &shared_info->vcpu_info[this_cpu()->id].time;
    uint32_t version;
    uint64_t now;

    do {
        uint64_t delta;

        version = t->version;
        __asm__ volatile("" ::: "memory");
        delta = rdtsc() - t->tsc_timestamp;
        delta =
            t->tsc_shift >= 0 ? delta << t->tsc_shift : delta >> -t->tsc_shift;
        now = t->system_time +
              (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
        __asm__ volatile("" ::: "memory");
    } while ((version & 1) || version != t->version);
    return now;
}

void time_delay(uint64_t nanoseconds)
{
    uint64_t end = time_now() + nanoseconds;

    while (time_now() < end) {
        cpu_relax();
    }
}

int timer_set(uint64_t deadline, uint32_t flags)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = deadline,
                                              .flags = flags};

    return vcpu_op(VCPUOP_set_singleshot_timer, this_cpu()->id, &timer);
}

int timer_stop(void)
{
    return vcpu_op(VCPUOP_stop_singleshot_timer, this_cpu()->id, NULL);
}
