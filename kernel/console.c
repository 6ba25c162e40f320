/* console.c - the rings between the appliance and its terminals. */
#include "kernel/console.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/time.h"

#include <errno.h>
#include <string.h>

/* Bytes one poll takes from a device: what a 16550's FIFO holds. */
#define INPUT_SLICE 16u
/* A flush gives up on a device that takes nothing for so long. */
#define FLUSH_STALL_US 1000000u

/* Positions run freely and are reduced at use; head - sent is what a device has
 * still to take, never more than the ring's size.  They start shortly before
 * they wrap, so that every run crosses that point. */
#define POSITION_START (0u - CONSOLE_INPUT_SIZE)

static struct {
    char bytes[CONSOLE_OUTPUT_SIZE];
    uint32_t head;
    uint32_t kept; /* bytes before head that are text, at most the size */
} output = { .head = POSITION_START };

static struct {
    char bytes[CONSOLE_INPUT_SIZE];
    uint32_t head, tail;
    bool held; /* the devices have been asked to stop sending */
} input = { .head = POSITION_START, .tail = POSITION_START };

static struct console_device *devices[CONSOLE_DEVICES_MAX];
static unsigned device_count;
static bool (*wait_hook)(void);

_Static_assert((CONSOLE_OUTPUT_SIZE & (CONSOLE_OUTPUT_SIZE - 1)) == 0, "reduced by masking");
_Static_assert((CONSOLE_INPUT_SIZE & (CONSOLE_INPUT_SIZE - 1)) == 0, "reduced by masking");

void console_reset(void)
{
    console_options_reset();
    output.head = input.head = input.tail = POSITION_START;
    output.kept = 0;
    input.held = false;
    device_count = 0;
    wait_hook = NULL;
}

int console_add(struct console_device *d)
{
    if (device_count == CONSOLE_DEVICES_MAX)
        return -ENOSPC;
    d->sent = output.head - output.kept;
    d->missed = 0;
    d->stalled = false;
    devices[device_count++] = d;
    return 0;
}

bool console_has(const char *name)
{
    for (unsigned i = 0; i < device_count; i++)
        if (!name || !strcmp(name, devices[i]->name))
            return true;
    return false;
}

static uint32_t backlog(const struct console_device *d)
{
    return output.head - d->sent;
}

static uint32_t longest_backlog(void)
{
    uint32_t most = 0;
    for (unsigned i = 0; i < device_count; i++)
        if (backlog(devices[i]) > most)
            most = backlog(devices[i]);
    return most;
}

/* One write, up to the end of the buffer; true when the device took something. */
static bool device_send(struct console_device *d)
{
    uint32_t at = d->sent & (CONSOLE_OUTPUT_SIZE - 1), n = backlog(d);
    if (n > CONSOLE_OUTPUT_SIZE - at)
        n = CONSOLE_OUTPUT_SIZE - at;
    uint32_t taken = n ? (uint32_t)d->write(d, output.bytes + at, n) : 0;
    d->sent += taken;
    if (taken && d->stalled) {
        unsigned missed = d->missed;
        d->stalled = false;
        d->missed = 0;
        log_warning("console: %s missed %u bytes while it took none", d->name, missed);
    }
    return taken;
}

static void device_receive(struct console_device *d)
{
    for (unsigned i = 0; i < INPUT_SLICE && input.head - input.tail < CONSOLE_INPUT_SIZE; i++) {
        int c = d->read(d);
        if (c < 0)
            return;
        input.bytes[input.head++ & (CONSOLE_INPUT_SIZE - 1)] = (char)c;
    }
}

/* Hysteresis, so that a sender is not stopped and started for each byte. */
static void hold_input(void)
{
    uint32_t fill = input.head - input.tail;
    bool hold = input.held ? fill > CONSOLE_INPUT_SIZE / 4 : fill > CONSOLE_INPUT_SIZE / 4 * 3;
    if (hold == input.held)
        return;
    input.held = hold;
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i]->hold)
            devices[i]->hold(devices[i], hold);
}

static bool move(void)
{
    bool progress = false;
    for (unsigned i = 0; i < device_count; i++) {
        progress |= device_send(devices[i]);
        if (devices[i]->draw)
            devices[i]->draw(devices[i]);
        if (devices[i]->read)
            device_receive(devices[i]);
    }
    hold_input();
    return progress;
}

void console_poll(void)
{
    move();
}

int console_getc(void)
{
    if (input.head == input.tail)
        move();
    return input.head == input.tail
               ? -1
               : (unsigned char)input.bytes[input.tail++ & (CONSOLE_INPUT_SIZE - 1)];
}

void console_set_wait(bool (*wait)(void))
{
    wait_hook = wait;
}

/* Gives up a backlog but for its last byte, which tells when the device takes
 * bytes again. */
static void pass_over(struct console_device *d)
{
    d->missed += CONSOLE_OUTPUT_SIZE - 1;
    d->sent = output.head - 1;
    d->stalled = true;
}

/* True when a device has no room below `most` and is still to be waited for. */
static bool someone_is_full(uint32_t most, bool late)
{
    bool full = false;
    for (unsigned i = 0; i < device_count; i++)
        if (backlog(devices[i]) < most)
            continue;
        else if (late || devices[i]->stalled)
            pass_over(devices[i]);
        else
            full = true;
    return full;
}

/* Waits until there is room for a byte, and returns for how many; a device that is already
 * stalled, or takes nothing for so long, is not waited for. */
static uint32_t make_room(void)
{
    uint32_t most = wait_hook ? CONSOLE_OUTPUT_SIZE - CONSOLE_RESERVE : CONSOLE_OUTPUT_SIZE;
    struct deadline d = deadline_us(CONSOLE_STALL_US);
    bool late = false;
    while (someone_is_full(most, late)) {
        move();
        late = deadline_passed(&d);
        if (wait_hook && !wait_hook()) {
            most = CONSOLE_OUTPUT_SIZE;
            late = true;
        }
    }
    return most - longest_backlog();
}

static void put(const char *text, size_t n)
{
    uint32_t at = output.head & (CONSOLE_OUTPUT_SIZE - 1);
    memcpy(output.bytes + at, text, n);
    output.head += (uint32_t)n;
    output.kept = (uint32_t)min_u64(output.kept + n, CONSOLE_OUTPUT_SIZE);
}

void console_write(const char *text, size_t n)
{
    while (n) {
        size_t piece = min_u64(n, make_room());
        uint32_t at = output.head & (CONSOLE_OUTPUT_SIZE - 1);
        piece = min_u64(piece, CONSOLE_OUTPUT_SIZE - at);
        put(text, piece);
        text += piece;
        n -= piece;
    }
}

static bool all_sent(void)
{
    for (unsigned i = 0; i < device_count; i++)
        if (!devices[i]->stalled &&
            (backlog(devices[i]) || (devices[i]->idle && !devices[i]->idle(devices[i]))))
            return false;
    return true;
}

void console_flush(void)
{
    struct deadline d = deadline_us(FLUSH_STALL_US);
    while (!all_sent() && !deadline_passed(&d))
        if (move())
            d = deadline_us(FLUSH_STALL_US);
}
