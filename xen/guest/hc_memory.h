/* SPDX-License-Identifier: MIT */
/*
 * memory_op, in four files: reservations (hc_reservation.c), what is mapped
 * where (hc_physmap.c), what Xen does not have (hc_podium.c), and the rest with
 * the table of commands (hc_memory.c).
 *
 * The command word's low 6 bits are the command, the rest is the index of the
 * first item still to do: that is how long calls go on (POD-4.1).
 */
#ifndef GUEST_HC_MEMORY_H
#define GUEST_HC_MEMORY_H

#include "guest/hypercall.h"

#define MEMORY_COMMAND_BITS 6
#define MEMORY_INDEX_LIMIT  (UINT32_MAX >> MEMORY_COMMAND_BITS)

struct memory_call {
    unsigned command;
    uint32_t start; /* first item to do */
    uint64_t gva;   /* of the command's struct */
};

typedef int64_t memory_command_fn(struct vcpu *v,
                                  const struct memory_call *call);

/* Leave, and go on at item `next`. */
int64_t memory_call_continue(struct vcpu *v, const struct memory_call *call,
                             uint32_t next);

memory_command_fn memory_op_reservation; /* populate, increase, decrease */
memory_command_fn memory_op_exchange;

memory_command_fn memory_op_features;
memory_command_fn memory_op_reasons; /* the first three, and why they stop */
memory_command_fn memory_op_decrease_range;
memory_command_fn memory_op_next_untouched;
memory_command_fn memory_op_get_size;
memory_command_fn memory_op_set_size;

memory_command_fn memory_op_add_to_physmap;
memory_command_fn memory_op_add_to_physmap_batch;
memory_command_fn memory_op_remove_from_physmap;
memory_command_fn memory_op_acquire_resource;

#endif
