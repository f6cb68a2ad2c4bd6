/* SPDX-License-Identifier: MIT */
/*
 * What the public headers want of the hypervisor that includes them.
 * xen/hvm/save.h asks for <xen/lib.h> because of BUG() alone, so this folder
 * comes first in the search for system headers.
 */
#ifndef PUBLIC_ABI_XEN_LIB_H
#define PUBLIC_ABI_XEN_LIB_H

#define BUG() __builtin_trap()

#endif
