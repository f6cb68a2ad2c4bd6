/* SPDX-License-Identifier: MIT */
/* What pages call their account: a number that is not used again too soon. */
#include "machine.h"

#include <pthread.h>

#include "mm/buddy.h"
#include "types/error.h"

#define MANY 1200 /* more than one chunk of numbers holds, more than two */

static struct account alice, many[MANY];

TEST(every_account_has_a_number_of_its_own)
{
    static bool seen[2 * MANY];

    machine_start(0x1000);
    for (unsigned i = 0; i < MANY; i++) {
        machine_account(&many[i], (domid_t)i, 10);
        EXPECT(many[i].number != NO_ACCOUNT && many[i].number < 2 * MANY);
        EXPECT(!seen[many[i].number]);
        seen[many[i].number] = true;
        EXPECT(page_alloc_guest(&many[i], 0));
    }
    machine_check();
    for (unsigned i = 0; i < MANY; i++) {
        machine_give_up(&many[i]);
        account_done(&many[i]);
    }
    machine_check();
}

TEST(a_number_is_used_again)
{
    uint16_t number;

    machine_start(0x100);
    machine_account(&alice, 1, 10);
    number = alice.number;
    account_done(&alice);
    EXPECT_EQ(alice.number, NO_ACCOUNT);
    machine_account(&many[0], 2, 10);
    EXPECT_EQ(many[0].number, number);
}

TEST(a_table_that_cannot_grow_is_told)
{
    unsigned i = 0;
    int rc;

    machine_start(0x100);
    do {
        page_alloc_fail_nth(1);
        rc = account_init(&many[i++], 1);
    } while (!rc);
    EXPECT_EQ(rc, -ENOMEM);
    EXPECT_EQ(i, PAGE_SIZE / sizeof(void *)); /* number 0 is nobody */
    page_alloc_fail_nth(0);
    EXPECT_EQ(account_init(&many[i], 1), 0);
    machine_check();
}

/* While any page says the number. */
static void expect_no_end(void)
{
    enum fake_end how;

    FAKE_RUN_TO_END(how, account_done(&alice));
    EXPECT(how != FAKE_RUNNING);
}

static void start(void)
{
    machine_start(0x1000);
    machine_account(&alice, 1, 1000);
}

TEST(an_account_with_a_page_is_not_done)
{
    start();
    EXPECT(page_alloc_guest(&alice, 0));
    expect_no_end();
}

TEST(an_account_with_a_table_is_not_done)
{
    start();
    EXPECT(page_alloc_table(&alice));
    expect_no_end();
}

TEST(an_account_that_is_shown_a_page_is_not_done)
{
    start();
    EXPECT(page_alloc_special(&alice));
    expect_no_end();
}

TEST(an_account_with_a_claim_is_not_done)
{
    start();
    EXPECT_EQ(page_claim(&alice, 10), 0);
    expect_no_end();
}

/* What was shown to a domain and is still mapped by another, when the first is
 * gone, is not the next one's. */
TEST(a_page_that_outlives_its_owner_is_nobodys)
{
    struct account *next = &many[0];
    struct page *pg;
    uint16_t number;

    start();
    pg = page_alloc_special(&alice);
    EXPECT(page_get(pg, &alice));
    page_put_special(pg);
    EXPECT_EQ(alice.special_count, 0);
    machine_check();
    number = alice.number;
    account_done(&alice);
    machine_account(next, 1, 10);
    EXPECT_EQ(next->number, number);
    EXPECT(!page_get(pg, next));
    EXPECT(page_get_any(pg));
    machine_check();
    page_put(pg);
    EXPECT(!page_put(pg));
    EXPECT_EQ(pg->state, PAGE_FREE);
    EXPECT_EQ(next->special_count, 0);
    machine_check();
}

#define ROUNDS 4000

static struct page *contended;
static bool stop;
static uint64_t wrong;

/* Holds on to whatever is there for a moment: it must have an owner then, and
 * keep it. */
static void *grab(void *unused)
{
    fake_set_cpu(1);
    while (!READ_ONCE(stop)) {
        uint16_t owner;

        if (!page_get_any(contended)) {
            continue;
        }
        owner = READ_ONCE(contended->owner);
        arch_cpu_relax();
        if (owner == NO_ACCOUNT || READ_ONCE(contended->owner) != owner) {
            wrong++;
        }
        page_put(contended);
    }
    return unused;
}

/* Accounts come and go, all with the same number and the same page; one must
 * not be done while somebody has its page. */
TEST(numbers_race_with_references)
{
    pthread_t thread;

    machine_start(0x40);
    machine_account(&alice, 1, 10);
    contended = page_alloc_guest(&alice, 0);
    EXPECT_EQ(pthread_create(&thread, NULL, grab, NULL), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct account *a = i ? &many[i % 2] : &alice;

        if (i) {
            machine_account(a, 1, 10);
            EXPECT(page_alloc_guest(a, 0));
        }
        machine_give_up(a);
        while (READ_ONCE(a->page_count)) {
            arch_cpu_relax();
        }
        account_done(a);
    }
    WRITE_ONCE(stop, true);
    pthread_join(thread, NULL);
    EXPECT_EQ(wrong, 0);
    machine_check();
}

TEST(what_is_kept_for_an_account_counts_as_charged)
{
    struct account a;

    machine_start(0x1000);
    machine_account(&a, 1, 10);
    EXPECT(page_charge_kept(&a, 6));
    EXPECT(!page_charge_kept(&a, 5));
    EXPECT_EQ(a.page_count, 6);
    EXPECT_EQ(a.kept_count, 6);
    machine_check();
    page_uncharge_kept(&a, 2);
    EXPECT(page_charge_kept(&a, 5));
    EXPECT(!page_alloc_guest(&a, 1));
    account_set_dying(&a);
    EXPECT(!page_charge_kept(&a, 1));
    page_uncharge_kept(&a, 9);
    EXPECT_EQ(a.page_count, 0);
    machine_check();
}
