/* SPDX-License-Identifier: MIT */
/*
 * What a second-stage fault means: the type's rights against the access.
 *
 *               read   write  execute
 *   hole        - nothing there -
 *   ram         run    run    run      (another CPU was faster)
 *   ram-ro      run    bad    run
 *   promised    - populate -
 *   foreign     run    run    bad
 *   foreign-ro  run    bad    bad      (grant: likewise)
 */
#include "p2m/internal.h"

static unsigned rights_needed(bool write, bool execute)
{
    if (write) {
        return PTE_W;
    }
    return execute ? PTE_X : PTE_R;
}

enum p2m_verdict p2m_fault(struct p2m *p2m, gfn_t gfn, bool write, bool execute)
{
    const struct p2m_entry e = p2m_get(p2m, gfn);
    const struct p2m_type_info *info = &p2m_types[e.type];

    if (e.type == P2M_POD) {
        return p2m_populate(p2m, gfn);
    }
    if (!info->has_frame) {
        return P2M_HOLE_ACCESS;
    }
    return info->rights & rights_needed(write, execute) ? P2M_OK
                                                        : P2M_BAD_ACCESS;
}
