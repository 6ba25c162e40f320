/* apps/console/out.c: text of any length arrives whole, on the console as anywhere. */
#include "apps/console/out.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

static void text_of_every_length_arrives_whole(void **state)
{
    for (size_t n = 0; n < 600; n++) {
        char *text = malloc(n + 1);
        memset(text, 'x', n);
        text[n] = 0;
        host_reset();
        out_printf(&out_console, "<%s>", text);
        const char *shown = host_console_output();
        assert_int_equal(strlen(shown), n + 2);
        assert_memory_equal(shown + 1, text, n);
        assert_int_equal(shown[n + 1], '>');
        free(text);
    }
}

static void text_is_no_format(void **state)
{
    host_reset();
    out_text(&out_console, "100%s\n");
    assert_string_equal(host_console_output(), "100%s\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_every_length_arrives_whole),
        cmocka_unit_test(text_is_no_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
