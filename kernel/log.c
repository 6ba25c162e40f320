/* log.c - the last lines, in a ring of bytes. */
#include "kernel/log.h"

#include "kernel/console.h"
#include "kernel/time.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOG_RING_SIZE 16384u
#define LOG_TEXT_MAX 240u
#define LOG_TIME_MAX 24u /* "[4294967295.999999] " */

_Static_assert((LOG_RING_SIZE & (LOG_RING_SIZE - 1)) == 0, "reduced by masking");

static char ring[LOG_RING_SIZE];
/* Runs freely, and starts shortly before it wraps, so that every run does. */
#define POSITION_START (0u - LOG_RING_SIZE)
static uint32_t ring_head = POSITION_START;
static uint32_t ring_kept; /* bytes before it that are text */
static enum log_level level_shown = LOG_INFO;
static void (*sink_write)(const char *text, size_t n) = console_write;

void log_reset(void)
{
    ring_head = POSITION_START;
    ring_kept = 0;
    level_shown = LOG_INFO;
    sink_write = console_write;
}

void log_set_level(enum log_level level)
{
    level_shown = level;
}
void log_set_sink(void (*sink)(const char *text, size_t n))
{
    sink_write = sink;
}

bool log_level_parse(const char *word, enum log_level *level)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (!strcmp(word, names[i])) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

static void ring_add(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ring[ring_head++ & (LOG_RING_SIZE - 1)] = text[i];
    ring_kept = (uint32_t)min_u64(ring_kept + n, LOG_RING_SIZE);
}

/* One line, whatever was formatted: a final newline goes, the rest is made
 * printable. */
static size_t clean(char *text, size_t n)
{
    while (n && text[n - 1] == '\n')
        n--;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = '?';
    return n;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char text[LOG_TEXT_MAX + 1], stamp[LOG_TIME_MAX];
    uint64_t now = time_us();
    va_list args;

    va_start(args, fmt);
    int length = vsnprintf(text, LOG_TEXT_MAX, fmt, args);
    va_end(args);
    size_t n = length < 0 ? 0 : (size_t)length;
    if (n >= LOG_TEXT_MAX) {
        n = LOG_TEXT_MAX - 1;
        memcpy(text + n - 3, "...", 3);
    }
    n = clean(text, n);
    text[n++] = '\n';

    length = snprintf(stamp, sizeof stamp, "[%5" PRIu32 ".%06" PRIu32 "] ",
                      (uint32_t)(now / US_PER_S), (uint32_t)(now % US_PER_S));
    ring_add(stamp, (size_t)length);
    ring_add(text, n);
    if (level <= level_shown)
        sink_write(text, n);
}

/* The first position at or after `at` where a whole line starts. */
static uint32_t whole_line(uint32_t at)
{
    uint32_t oldest = ring_head - ring_kept;
    if (ring_head - at <= ring_kept)
        return at;
    if (ring_kept < LOG_RING_SIZE)
        return oldest;
    at = oldest; /* the ring has been overwritten in mid-line */
    while (at != ring_head && ring[at++ & (LOG_RING_SIZE - 1)] != '\n') {
    }
    return at;
}

void log_for_each(void (*fn)(void *ctx, const char *line), void *ctx)
{
    const uint32_t end = ring_head;
    uint32_t at = whole_line(end - LOG_RING_SIZE - 1);

    while ((int32_t)(end - at) > 0) {
        char line[LOG_TIME_MAX + LOG_TEXT_MAX + 1];
        size_t n = 0;
        while (at != end && ring[at & (LOG_RING_SIZE - 1)] != '\n' && n < sizeof line - 1)
            line[n++] = ring[at++ & (LOG_RING_SIZE - 1)];
        at++; /* the newline */
        line[n] = 0;
        fn(ctx, line);
        at = whole_line(at);
    }
}
