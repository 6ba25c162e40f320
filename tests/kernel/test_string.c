/* kernel/x86/string.c, under other names than the C library's: the Makefile gives them. */
#include "tests/host/test.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 400u
#define AROUND 16u /* octets that are nobody's, in front and behind */
#define SHIFTS 9u  /* beginnings that are not aligned */

void *bare_memcpy(void *to, const void *from, size_t n);
void *bare_memset(void *to, int value, size_t n);
void *bare_memchr(const void *in, int value, size_t n);

/* Exactly as long as it has to be: a look beyond either end is a finding. */
static uint8_t *exactly(size_t n)
{
    uint8_t *bytes = malloc(n ? n : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    return bytes;
}

static void check_around(const uint8_t *area, size_t begin, size_t n)
{
    for (size_t i = 0; i < begin; i++)
        assert_int_equal(area[i], 0xee);
    for (size_t i = begin + n; i < begin + n + AROUND; i++)
        assert_int_equal(area[i], 0xee);
}

static void every_length_is_copied_and_nothing_beside_it(void **state)
{
    uint8_t area[AROUND + SHIFTS + LONGEST + AROUND];
    for (size_t n = 0; n <= LONGEST; n++)
        for (size_t shift = 0; shift < SHIFTS; shift++) {
            uint8_t *from = exactly(n), *to = area + AROUND + shift;
            memset(area, 0xee, sizeof area);
            assert_ptr_equal(bare_memcpy(to, from, n), to);
            assert_memory_equal(to, from, n);
            check_around(area, AROUND + shift, n);
            free(from);
        }
}

static void every_length_is_filled_and_nothing_beside_it(void **state)
{
    uint8_t area[AROUND + SHIFTS + LONGEST + AROUND];
    for (size_t n = 0; n <= LONGEST; n++)
        for (size_t shift = 0; shift < SHIFTS; shift++) {
            uint8_t *to = area + AROUND + shift;
            memset(area, 0xee, sizeof area);
            assert_ptr_equal(bare_memset(to, 0x1a5, n), to); /* its low octet counts */
            for (size_t i = 0; i < n; i++)
                assert_int_equal(to[i], 0xa5);
            check_around(area, AROUND + shift, n);
        }
}

/* The first of two, wherever they are; what lies outside is not looked at, nor found. */
static void the_first_byte_that_is_alike_is_found(void **state)
{
    for (size_t n = 0; n <= 100; n++) {
        uint8_t *bytes = exactly(n);
        memset(bytes, 0x80, n);
        assert_null(bare_memchr(bytes, 0xa5, n));
        for (size_t i = 0; i < n; i++) {
            bytes[i] = bytes[n - 1] = 0xa5;
            assert_ptr_equal(bare_memchr(bytes, 0x1a5, n), bytes + i); /* its low octet counts */
            assert_ptr_equal(bare_memchr(bytes, 0xa5, i), NULL);
            bytes[i] = bytes[n - 1] = 0x80;
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_is_copied_and_nothing_beside_it),
        cmocka_unit_test(every_length_is_filled_and_nothing_beside_it),
        cmocka_unit_test(the_first_byte_that_is_alike_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
