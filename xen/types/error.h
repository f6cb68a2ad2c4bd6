/* SPDX-License-Identifier: MIT */
/*
 * Error numbers, returned negative. The values are those of the public ABI
 * (xen/errno.h, equal to Linux's), so that guest/ can pass them on as they
 * are; guest/hypercall.c asserts a few of them at build time.
 */
#ifndef TYPES_ERROR_H
#define TYPES_ERROR_H

enum {
    EPERM = 1,
    ENOENT = 2,
    ESRCH = 3,
    EIO = 5,
    ENXIO = 6,
    E2BIG = 7,
    EBADF = 9,
    EAGAIN = 11,
    ENOMEM = 12,
    EACCES = 13,
    EFAULT = 14,
    EBUSY = 16,
    EEXIST = 17,
    EXDEV = 18,
    ENODEV = 19,
    EINVAL = 22,
    ENOSPC = 28,
    EMLINK = 31,
    EDOM = 33,
    ERANGE = 34,
    ENOSYS = 38,
    ENOTEMPTY = 39,
    ENODATA = 61,
    ETIME = 62,
    EOVERFLOW = 75,
    EILSEQ = 84,
    ERESTART = 85, /* internal: go on where it stopped; never seen by a guest */
    ENOBUFS = 105,
    EOPNOTSUPP = 95,
};

#endif
