/* SPDX-License-Identifier: MIT */
/* See cpu_share.h. */
#include "domain/cpu_share.h"

void cpu_share_init(struct cpu_share *s)
{
    *s = (struct cpu_share){.weight = CPU_WEIGHT_DEFAULT};
    lock_init(&s->lock, RANK_CAP);
}

static uint64_t budget(const struct cpu_share *s)
{
    return CPU_PERIOD_NS / 100 * s->cap;
}

/* Periods that began since pay back what was used before. */
static void catch_up_locked(struct cpu_share *s, uint64_t now)
{
    uint64_t period = now / CPU_PERIOD_NS;
    uint64_t passed = period - MIN(period, s->period);

    if (passed >= s->used / budget(s) + 1) {
        s->used = 0;
    } else {
        s->used -= MIN(s->used, passed * budget(s));
    }
    s->period += passed;
}

void cpu_share_set(struct cpu_share *s, uint16_t weight, uint16_t cap,
                   uint64_t now)
{
    lock(&s->lock);
    WRITE_ONCE(s->weight, weight);
    WRITE_ONCE(s->cap, cap);
    s->period = now / CPU_PERIOD_NS;
    s->used = 0;
    s->since = now;
    unlock(&s->lock);
}

void cpu_share_use(struct cpu_share *s, uint64_t ran, uint64_t now)
{
    if (!READ_ONCE(s->cap)) {
        return;
    }
    lock(&s->lock);
    if (s->cap) {
        catch_up_locked(s, now);
        s->used += MIN(ran, now - MIN(now, s->since));
    }
    unlock(&s->lock);
}

uint64_t cpu_share_left(struct cpu_share *s, uint64_t now, uint64_t *again)
{
    uint64_t left = ~0ULL;

    if (!READ_ONCE(s->cap)) {
        return left;
    }
    lock(&s->lock);
    if (s->cap) {
        catch_up_locked(s, now);
        left = budget(s) - MIN(budget(s), s->used);
        if (!left) {
            *again = (s->period + s->used / budget(s)) * CPU_PERIOD_NS;
        }
    }
    unlock(&s->lock);
    return left;
}
