/* SPDX-License-Identifier: MIT */
/* What each type of entry means. */
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
    [P2M_POD] = {.name = "promised", .is_ram = true, .is_promise = true},
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
                  .is_promise = true},
    [P2M_FOREIGN_ZERO] = {.name = "foreign-zero", .rights = PTE_R},
};
