/* SPDX-License-Identifier: MIT */
/* The page of statistics of transcendent memory that the control domain may map
 * (struct podium_tmem_page, T-39). */
#ifndef GUEST_TMEM_PAGE_H
#define GUEST_TMEM_PAGE_H

#include "mm/frame_table.h"

/* The page with a reference, up to date; NULL: none can be had, or there is no
 * transcendent memory. */
struct page *tmem_page_get(void);

/* Housekeeping: write it anew, if it is time and somebody has it mapped. */
void tmem_page_update(void);

#endif
