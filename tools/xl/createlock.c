/* SPDX-License-Identifier: MIT */
/*
 * One creation at a time, over all processes.
 *
 * A creation first checks that its name is free and that there is memory, and
 * only later takes both, so two at once could each find what only one can
 * have. The lock makes the second wait. It is advisory: if its file cannot be
 * made, creation goes on without it, and the hypervisor's claim still keeps
 * the memory from being given twice.
 */
#include "createlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"

#define LOCK_DIRECTORY "/run/lock" /* where it is by default */

int create_lock(const char *path)
{
    int fd;

    mkdir("/run", 0755); /* for an initramfs that has neither */
    mkdir(LOCK_DIRECTORY, 0755);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        verbose("no lock %s: %s", path, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        progress("waiting for another creation", 0, 0);
    }
    while (flock(fd, LOCK_EX)) {
        if (errno != EINTR) {
            verbose("cannot take lock %s: %s", path, strerror(errno));
            break;
        }
    }
    progress_end();
    return fd;
}

void create_unlock(int lock)
{
    if (lock >= 0) {
        close(lock);
    }
}
