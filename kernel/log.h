/* log.h - what happened, one line an event, "subject: text".
 *
 * A line goes to the console when its level is at or above `loglevel=` and
 * always into the ring behind `show log`, there with the time in front.  What
 * is not printable (bytes of firmware and devices) shows as '?'; what is too
 * long is cut.  Never called per packet. */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_set_level(enum log_level level);
bool log_level_parse(const char *word, enum log_level *level);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* Calls fn for each remembered line, oldest first, as it was when the walk began;
 * fn may print and yield: lines that go meanwhile are skipped. */
void log_for_each(void (*fn)(void *ctx, const char *line), void *ctx);

/* Where lines go besides the ring: console_write() unless told otherwise. */
void log_set_sink(void (*sink)(const char *text, size_t n));
/* An empty ring, level info, lines to the console. */
void log_reset(void);
