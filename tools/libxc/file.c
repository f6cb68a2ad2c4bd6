/* SPDX-License-Identifier: MIT */
#include "libxc/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libxc/handle.h"

#define FILE_BYTES_MAX (2ull << 30)

static int check_file(struct xc *xc, const char *what, const char *path, int fd,
                      size_t *size)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return xc_fail_errno(xc, -errno, "%s '%s'", what, path);
    }
    if (!S_ISREG(st.st_mode)) {
        return xc_fail(xc, -EINVAL, "%s '%s' is not a file", what, path);
    }
    if (st.st_size == 0) {
        return xc_fail(xc, -ENOEXEC, "%s '%s' is empty", what, path);
    }
    if ((uint64_t)st.st_size > FILE_BYTES_MAX) {
        return xc_fail(xc, -E2BIG, "%s '%s' is larger than 2 GiB", what, path);
    }
    *size = (size_t)st.st_size;
    return 0;
}

/* Reads until `size` bytes or the end: the file may have become shorter. */
static int read_bytes(int fd, uint8_t *data, size_t *size)
{
    size_t done = 0;

    while (done < *size) {
        ssize_t got = read(fd, data + done, *size - done);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -errno;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *size = done;
    return 0;
}

static int read_open_file(struct xc *xc, const char *what, const char *path,
                          int fd, struct file *file)
{
    size_t size = 0;
    int rc;

    rc = check_file(xc, what, path, fd, &size);
    if (!size) {
        return rc;
    }
    file->data = malloc(size);
    if (!file->data) {
        return xc_fail(xc, -ENOMEM, "no memory in dom0 to read %s '%s'", what,
                       path);
    }
    rc = read_bytes(fd, file->data, &size);
    file->size = size;
    if (rc) {
        file_free(file);
        return xc_fail_errno(xc, rc, "cannot read %s '%s'", what, path);
    }
    return 0;
}

int file_read(struct xc *xc, const char *what, const char *path,
              struct file *file)
{
    int fd, rc;

    memset(file, 0, sizeof(*file));
    /* O_NONBLOCK: a fifo must not make us wait before we refuse it. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return xc_fail_errno(xc, -errno, "cannot open %s '%s'", what, path);
    }
    rc = read_open_file(xc, what, path, fd, file);
    close(fd);
    return rc;
}

void file_free(struct file *file)
{
    free(file->data);
    memset(file, 0, sizeof(*file));
}
