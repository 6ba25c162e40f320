/* font.h - glyphs of printable ASCII, for screens that have none. */
#pragma once

#include <stdint.h>

#define FONT_FIRST ' '
#define FONT_GLYPHS 95u
#define FONT_ROWS 8u    /* the last one for what reaches below the line */
#define FONT_COLUMNS 5u /* bit 4 is the leftmost */

extern const uint8_t font_rows[FONT_GLYPHS][FONT_ROWS];
