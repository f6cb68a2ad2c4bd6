/* SPDX-License-Identifier: MIT */
/* A domain as JSON: what docs/xl.md promises to keep. */
#ifndef XL_DOMAIN_JSON_H
#define XL_DOMAIN_JSON_H

#include "libxc/xc.h"

#include "json.h"

/* What is known of its memory, as members of an object. */
void domain_json_pod(struct json *j, const struct xc_pod *pod);

/* One object. What xenstore does not say is left out. */
void domain_json(struct json *j, struct xc *xc, const struct xc_domain *d);

#endif
