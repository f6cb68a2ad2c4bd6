/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_VCPU_STATE_H
#define LIBXC_VCPU_STATE_H
/*
 * The state of a domain's vCPUs, as the hypervisor tells it: a list of records,
 * each a descriptor (type, instance, length) and that many bytes; the first is
 * a header that the hypervisor wants back with any other list, the last has
 * type END. A record's instance is the number of its vCPU.
 */
#include <stdint.h>

struct xc;

/* A list of records in memory that the hypervisor can reach. */
struct vcpu_state {
    uint8_t *data; /* hv_free() */
    uint32_t size; /* in use */
    uint32_t room;
};

/* XEN_DOMCTL_gethvmcontext or XEN_DOMCTL_sethvmcontext. 0 or -errno. */
int vcpu_state_call(struct xc *xc, uint32_t cmd, uint32_t domid,
                    uint8_t *buffer, uint32_t *size);

/* All of it. 0 or -errno, with state->data to be freed either way. */
int vcpu_state_get(struct xc *xc, uint32_t domid, struct vcpu_state *state);

/* The bytes of a record; NULL if it is not there or has another length. */
const void *vcpu_state_find(const struct vcpu_state *state, uint16_t type,
                            uint16_t instance, uint32_t length);

#endif
