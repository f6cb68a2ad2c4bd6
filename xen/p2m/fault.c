/* SPDX-License-Identifier: MIT */
/*
 * What a second-stage fault means: the type's rights against the access.
 *
 *               read   write  execute
 *   hole        - nothing there -
 *   ram         run    run    run      (another CPU was faster)
 *   ram-ro      run    bad    run
 *   promised    zeros  - populate -
 *   zero        run    - populate -  (a promise that was read)
 *   promised-pattern, pattern         the same of the domain's scrub pattern
 *   foreign     run    run    bad
 *   foreign-ro  run    bad    bad      (grant, foreign-zero: likewise)
 */
#include "p2m/internal.h"

static unsigned rights_needed(bool write, bool execute)
{
    if (write) {
        return PTE_W;
    }
    return execute ? PTE_X : PTE_R;
}

static enum p2m_verdict judge(const struct p2m_type_info *info, bool write,
                              bool execute)
{
    if (!info->rights) {
        return P2M_HOLE_ACCESS;
    }
    return info->rights & rights_needed(write, execute) ? P2M_OK
                                                        : P2M_BAD_ACCESS;
}

static enum p2m_verdict fault_locked(struct p2m *p2m, gfn_t gfn, bool write,
                                     bool execute)
{
    struct slot s;

    walk_to(p2m, gfn, &s);
    if (slot_is_promise(&s)) {
        bool show = !write && !execute && zero_can_show(p2m, &s);

        return show ? zero_show_locked(p2m, gfn, &s)
                    : populate_locked(p2m, gfn, &s);
    }
    return judge(&p2m_types[s.f.tag], write, execute);
}

enum p2m_verdict p2m_fault(struct p2m *p2m, gfn_t gfn, bool write, bool execute)
{
    enum p2m_verdict verdict = P2M_HOLE_ACCESS;

    lock(&p2m->lock);
    if (gfn_is_mapped(p2m, gfn)) {
        verdict = fault_locked(p2m, gfn, write, execute);
    }
    unlock(&p2m->lock);
    return verdict;
}
