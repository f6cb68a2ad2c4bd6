/* SPDX-License-Identifier: MIT */
/*
 * What each type of entry means: one row of properties for each, which all
 * other code asks, so that a new type is a row here and seldom more
 * (docs/hacking.md). Rights are what the guest may do without our hearing of
 * it. What it may not do faults, and fault.c decides by the row. The fields are
 * told in p2m.h.
 */
#include "p2m/p2m.h"

const struct p2m_type_info p2m_types[P2M_TYPE_COUNT] = {
    [P2M_HOLE] = {.name = "hole"},
    [P2M_RAM] = {.name = "ram",
                 .rights = PTE_RWX,
                 .is_ram = true,
                 .has_frame = true,
                 .is_own = true},
    [P2M_RAM_RO] = {.name = "ram-ro",
                    .rights = PTE_R | PTE_X,
                    .is_ram = true,
                    .has_frame = true,
                    .is_own = true},
    [P2M_POD] = {.name = "promised",
                 .is_ram = true,
                 .is_promise = true,
                 .is_zero = true},
    [P2M_FOREIGN] = {.name = "foreign",
                     .rights = PTE_RW,
                     .has_frame = true,
                     .holds_reference = true},
    [P2M_FOREIGN_RO] = {.name = "foreign-ro",
                        .rights = PTE_R,
                        .has_frame = true,
                        .holds_reference = true},
    [P2M_GRANT] = {.name = "grant", .rights = PTE_RW, .has_frame = true},
    [P2M_GRANT_RO] = {.name = "grant-ro", .rights = PTE_R, .has_frame = true},
    [P2M_ZERO] = {.name = "zero",
                  .rights = PTE_R,
                  .is_ram = true,
                  .is_promise = true,
                  .is_zero = true},
    [P2M_FOREIGN_ZERO] = {.name = "foreign-zero", .rights = PTE_R},
    [P2M_POD_PATTERN] = {.name = "promised-pattern",
                         .is_ram = true,
                         .is_promise = true,
                         .is_pattern = true},
    [P2M_PATTERN] = {.name = "pattern",
                     .rights = PTE_R,
                     .is_ram = true,
                     .is_promise = true,
                     .is_pattern = true},
    [P2M_MOVING] = {.name = "moving", .is_ram = true, .is_promise = true},
};
