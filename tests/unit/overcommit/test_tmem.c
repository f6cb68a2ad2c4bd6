/* SPDX-License-Identifier: MIT */
/* What a guest may rely on (T-12 .. T-16), and what each defect of the original
 * that spec X-n tells of must not do here. */
#include "tmem_host.h"

TEST(what_is_put_comes_back_once_from_an_ephemeral_pool)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, 0);

    EXPECT_EQ(put(c, id, 1, 0, 7), 1);
    EXPECT_EQ(put(c, id, 1, 1, 8), 1);
    host_check();
    EXPECT(get_is(c, id, 1, 0, 7));
    EXPECT_EQ(get(c, id, 1, 0), 0);
    EXPECT(get_is(c, id, 1, 1, 8));
    EXPECT_EQ(get(c, id, 1, 1), -TMEM_EEMPTY);
    host_check();
    host_end(c);
}

TEST(a_persistent_page_stays_until_it_is_flushed)
{
    struct tmem_client *c = host_client(1, 0);
    int id = host_pool(c, TMEM_PERSISTENT);

    EXPECT_EQ(put(c, id, 1, 5, 7), 1);
    EXPECT(get_is(c, id, 1, 5, 7));
    EXPECT(get_is(c, id, 1, 5, 7));
    host_check();
    EXPECT_EQ(flush(c, id, 1, 5), 1);
    EXPECT_EQ(flush(c, id, 1, 5), 1);
    EXPECT_EQ(get(c, id, 1, 5), -TMEM_EEMPTY);
    host_check();
    host_end(c);
}
