/* apps/forward/spsc.h: a bounded ring keeps order, says when it is full, wraps. */
#include "apps/forward/spsc.h"
#include "tests/host/test.h"

#include <pthread.h>
#include <sched.h>

#define SIZE 8u
#define LONG 512u /* two threads wait for each other once a filling: seldom, on a busy machine */
#define MANY 200000u

struct element {
    uint64_t number;
    uint32_t check;
};

static void full_and_empty_are_told(void **state)
{
    static struct spsc ring; /* not on the stack: gcc 13 misaligns it there (GCC PR 110027) */
    struct element e = { 0 };
    assert_int_equal(spsc_init(&ring, SIZE, sizeof e), 0);
    assert_false(spsc_pop(&ring, &e));
    for (e.number = 0; e.number < SIZE; e.number++)
        assert_true(spsc_push(&ring, &e));
    assert_false(spsc_push(&ring, &e));
    for (unsigned i = 0; i < SIZE; i++) {
        assert_true(spsc_pop(&ring, &e));
        assert_int_equal(e.number, i);
    }
    assert_false(spsc_pop(&ring, &e));
    spsc_free(&ring);
}

/* Indices run freely: past the end of their type nothing changes. */
static void indices_wrap(void **state)
{
    static struct spsc ring; /* not on the stack: gcc 13 misaligns it there (GCC PR 110027) */
    uint32_t v;
    assert_int_equal(spsc_init(&ring, SIZE, sizeof v), 0);
    ring.head = ring.tail = UINT32_MAX - 2;
    for (uint32_t i = 0; i < SIZE; i++)
        assert_true(spsc_push(&ring, &i));
    assert_false(spsc_push(&ring, &v));
    for (uint32_t i = 0; i < SIZE; i++) {
        assert_true(spsc_pop(&ring, &v));
        assert_int_equal(v, i);
    }
    assert_false(spsc_pop(&ring, &v));
    spsc_free(&ring);
}

static void *produce(void *ctx)
{
    for (uint64_t i = 0; i < MANY;) {
        struct element e = { .number = i, .check = (uint32_t)i * 2654435761u };
        if (spsc_push(ctx, &e))
            i++;
        else
            sched_yield();
    }
    return NULL;
}

/* A whole element is there when its index is: two threads, no locks. */
static void two_cores_share_one(void **state)
{
    static struct spsc ring; /* not on the stack: gcc 13 misaligns it there (GCC PR 110027) */
    struct element e;
    pthread_t thread;
    assert_int_equal(spsc_init(&ring, LONG, sizeof e), 0);
    assert_int_equal(pthread_create(&thread, NULL, produce, &ring), 0);
    for (uint64_t i = 0; i < MANY;) {
        if (!spsc_pop(&ring, &e)) {
            sched_yield();
            continue;
        }
        assert_int_equal(e.number, i);
        assert_int_equal(e.check, (uint32_t)i * 2654435761u);
        i++;
    }
    pthread_join(thread, NULL);
    spsc_free(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_and_empty_are_told),
        cmocka_unit_test(indices_wrap),
        cmocka_unit_test(two_cores_share_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
