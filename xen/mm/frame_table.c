/* SPDX-License-Identifier: MIT */
#include "mm/frame_table.h"

struct page *frame_table;
uint64_t frame_count;
