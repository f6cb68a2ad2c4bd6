/* SPDX-License-Identifier: MIT */
/* One creation at a time, over all processes. */
#ifndef XL_CREATELOCK_H
#define XL_CREATELOCK_H

/* Waits for its turn. The result goes to create_unlock(). */
int create_lock(const char *path);
void create_unlock(int lock);

#endif
