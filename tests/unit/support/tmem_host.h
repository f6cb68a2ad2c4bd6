/* SPDX-License-Identifier: MIT */
/* A host with transcendent memory, and clients that are numbers. */
#ifndef TMEM_HOST_H
#define TMEM_HOST_H

#include "machine.h"
#include "overcommit/tmem.h"
#include "types/error.h"

#define HOST_PAGES   0x2000 /* unless host_start() says otherwise */
#define HOST_CLIENTS 8      /* numbers from 1 on */

/* Fresh memory; what is not called is called by host_client() itself. */
void host_start(uint64_t pages);

/* The n-th client, which may be charged 4096 pages, in that group. */
struct tmem_client *host_client(unsigned n, uint32_t group);
struct account *host_account(unsigned n);
int host_pool(struct tmem_client *c, uint32_t flags);

/* All books are in order. */
void host_check(void);

/* The end of a client. After that of the last all memory is back. */
void host_end(struct tmem_client *c);
/* A test has ended one by itself. */
void host_forget(void);

/* Contents by number: what it is stored as goes with the low two bits. */
enum {
    WORD_PAGE, /* one word, repeated; 0: zeros */
    TAIL_PAGE,
    TEXT_PAGE, /* that packs well */
    RAW_PAGE,
};
void make_page(uint32_t contents, void *page);

/* Of the object `oid`, in words of one argument. */
struct tmem_handle handle(int id, uint64_t oid, uint32_t index);
int put(struct tmem_client *c, int id, uint64_t oid, uint32_t index,
        uint32_t contents);
int get(struct tmem_client *c, int id, uint64_t oid, uint32_t index);
/* A hit with just these contents. */
bool get_is(struct tmem_client *c, int id, uint64_t oid, uint32_t index,
            uint32_t contents);
/* The number of what the last hit brought; ~0: what nobody has put. */
uint32_t got(void);
int flush(struct tmem_client *c, int id, uint64_t oid, uint32_t index);
int flush_object(struct tmem_client *c, int id, uint64_t oid);
int destroy(struct tmem_client *c, int id);
void compress(struct tmem_client *c, bool yes);

struct tmem_client_info info_of(struct tmem_client *c);
struct tmem_pool_info pool_info(struct tmem_client *c, int id);
struct tmem_info host_info(void);

#endif
