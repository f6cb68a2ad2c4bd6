/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_DECOMPRESS_H
#define LIBXC_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

struct xc;

/*
 * Unpacks a kernel's payload: the format is known by its first bytes, and its
 * last four are the unpacked size, little endian. *out: free(), *out_size
 * bytes. -ENOEXEC if the payload is damaged, its size a lie, or its format
 * none of gzip, xz, zstd and lz4.
 */
int decompress_payload(struct xc *xc, const uint8_t *in, size_t in_size,
                       uint8_t **out, size_t *out_size);

#endif
