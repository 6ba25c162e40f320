/* must.h - commands that must work, must fail, or must show something. */
#pragma once

#include "tests/host/test.h"
#include "tests/models/typed.h"

#include <string.h>

static inline void must_work(const char *line)
{
    typed_good(line);
}

/* `why` stands in its one line. */
static inline void must_fail(const char *line, const char *why)
{
    typed_fails(line, why);
}

static inline void must_show(const char *line, const char *text)
{
    const char *shown = typed_good(line);
    if (!strstr(shown, text))
        fail_msg("%s: no '%s' in\n%s", line, text, shown);
}

static inline void must_not_show(const char *line, const char *text)
{
    const char *shown = typed_good(line);
    if (strstr(shown, text))
        fail_msg("%s: '%s' in\n%s", line, text, shown);
}
