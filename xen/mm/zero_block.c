/* SPDX-License-Identifier: MIT */
/*
 * The zero block: HEAP pages that nobody has a pointer to in order to write,
 * and of which guests have read-only translations without references. It is
 * never freed, so these need no counting.
 */
#include "mm/zero_block.h"

#include "mm/page_alloc.h"

mfn_t zero_block = {~0ULL};

void zero_block_init(void)
{
    struct page *head = page_alloc(PAGE_HEAP, ORDER_2M);

    CHECK(!zero_block_exists());
    if (head) {
        zero_block = page_to_mfn(head);
    }
}

bool zero_block_audit(void)
{
    for (uint64_t i = 0; zero_block_exists() && i < BIT(ORDER_2M); i++) {
        if (!arch_page_is_zero(arch_map(mfn_add(zero_block, i)))) {
            return false;
        }
    }
    return true;
}
