/* typed.h - commands as somebody types them, and what they print. */
#pragma once

#include "apps/console/out.h"

/* The text until the next call. */
const char *typed(const char *line);
/* The same, asserting that the command has nothing to complain about. */
const char *typed_good(const char *line);
/* Asserts that it fails with one line that holds this. */
void typed_fails(const char *line, const char *text);
/* Everything that is written there is thrown away with the next typed(). */
extern struct out typed_out;
