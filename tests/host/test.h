/* test.h - cmocka with what it needs in front of it, in the order it needs. */
#pragma once

/* clang-format off */
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
/* clang-format on */
