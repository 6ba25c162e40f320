/* kernel/numbered.h: objects by number, far beyond what fits into one chunk. */
#include "kernel/numbered.h"
#include "tests/host/test.h"

#define OBJECTS 1000u

static struct numbered table;
static char object[OBJECTS];

static int tear_down(void **state)
{
    numbered_free(&table);
    assert_int_equal(table.limit, 0);
    assert_null(numbered_get(&table, 0));
    return 0;
}

static void fill(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        assert_int_equal(numbered_lowest(&table), i);
        assert_int_equal(numbered_set(&table, i, &object[i]), 0);
    }
    assert_int_equal(table.limit, OBJECTS);
}

static void every_object_keeps_its_number(void **state)
{
    fill();
    for (unsigned i = 0; i < OBJECTS; i++)
        assert_ptr_equal(numbered_get(&table, i), &object[i]);
    assert_null(numbered_get(&table, OBJECTS));
    assert_null(numbered_get(&table, NUMBERED_MAX));
    assert_null(numbered_get(&table, UINT32_MAX));
}

/* In every chunk, its borders included. */
static void the_lowest_free_one_is_found(void **state)
{
    static const unsigned freed[] = { 999, 700, 512, 511, 256, 255, 1, 0 };
    fill();
    for (unsigned i = 0; i < ARRAY_SIZE(freed); i++) {
        numbered_clear(&table, freed[i]);
        numbered_clear(&table, freed[i]);
        assert_int_equal(numbered_lowest(&table), freed[i]);
        assert_int_equal(table.limit, OBJECTS - 1); /* the highest went first */
    }
    for (unsigned i = ARRAY_SIZE(freed); i-- > 0;) {
        assert_int_equal(numbered_lowest(&table), freed[i]);
        assert_int_equal(numbered_set(&table, freed[i], &object[0]), 0);
    }
    assert_int_equal(numbered_lowest(&table), OBJECTS);
}

static void the_limit_follows_what_is_used(void **state)
{
    fill();
    for (unsigned i = 300; i < OBJECTS; i++)
        numbered_clear(&table, i);
    assert_int_equal(table.limit, 300);
    assert_int_equal(numbered_set(&table, NUMBERED_MAX - 1, &object[1]), 0);
    assert_int_equal(table.limit, NUMBERED_MAX);
    numbered_clear(&table, NUMBERED_MAX - 1);
    assert_int_equal(table.limit, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_object_keeps_its_number, tear_down),
        cmocka_unit_test_teardown(the_lowest_free_one_is_found, tear_down),
        cmocka_unit_test_teardown(the_limit_follows_what_is_used, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
