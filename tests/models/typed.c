/* typed.c - commands and what they print (typed.h). */
#include "tests/models/typed.h"

#include "apps/console/command.h"
#include "tests/host/test.h"

#include <string.h>

#define TEXT (1u << 18)

static char text[TEXT];
static size_t length;

static void write_text(struct out *out, const char *more, size_t n)
{
    assert_true(length + n < sizeof text);
    memcpy(text + length, more, n);
    length += n;
    text[length] = 0;
}

struct out typed_out = { .write = write_text };

const char *typed(const char *line)
{
    length = 0;
    text[0] = 0;
    command_run(line, &typed_out, NULL, 0);
    return text;
}

const char *typed_good(const char *line)
{
    if (strstr(typed(line), "error:"))
        fail_msg("'%s': %s", line, text);
    return text;
}

void typed_fails(const char *line, const char *what)
{
    typed(line);
    if (strncmp(text, "error: ", 7) || !strstr(text, what) || strchr(text, '\n')[1])
        fail_msg("'%s' is not refused with '%s' but: %s", line, what, text);
}
