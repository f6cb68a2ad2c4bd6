/* SPDX-License-Identifier: MIT */
#include "libxc/vcpu_state.h"

#include <errno.h>
#include <string.h>

#include <xen/hvm/save.h>

#include "libxc/handle.h"
#include "libxc/transport.h"

int vcpu_state_call(struct xc *xc, uint32_t cmd, uint32_t domid,
                    uint8_t *buffer, uint32_t *size)
{
    struct xen_domctl op = {
        .cmd = cmd,
        .domain = (domid_t)domid,
        .u.hvmcontext.size = *size,
    };
    int rc;

    set_xen_guest_handle(op.u.hvmcontext.buffer, buffer);
    rc = hv_domctl(xc, &op);
    *size = op.u.hvmcontext.size;
    return rc < 0 ? rc : 0;
}

int vcpu_state_get(struct xc *xc, uint32_t domid, struct vcpu_state *state)
{
    int rc;

    *state = (struct vcpu_state){0};
    rc = vcpu_state_call(xc, XEN_DOMCTL_gethvmcontext, domid, NULL,
                         &state->room);
    if (rc) {
        return rc;
    }
    state->data = hv_alloc(xc, state->room);
    if (!state->data) {
        return -ENOMEM;
    }
    state->size = state->room;
    return vcpu_state_call(xc, XEN_DOMCTL_gethvmcontext, domid, state->data,
                           &state->size);
}

const void *vcpu_state_find(const struct vcpu_state *state, uint16_t type,
                            uint16_t instance, uint32_t length)
{
    struct hvm_save_descriptor d;
    uint32_t pos = 0;

    while (state->size - pos >= sizeof(d)) {
        memcpy(&d, state->data + pos, sizeof(d));
        pos += sizeof(d);
        if (d.length > state->size - pos) {
            return NULL;
        }
        if (d.typecode == type && d.instance == instance) {
            return d.length == length ? state->data + pos : NULL;
        }
        pos += d.length;
    }
    return NULL;
}
