/* console.c - the rings between the appliance and its terminals. */
#include "kernel/console.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes one poll takes from a device: what a 16550's FIFO holds. */
#define INPUT_SLICE 16u
/* A flush gives up on a device that takes nothing for so long. */
#define FLUSH_STALL_US 1000000u
#define CONTROL_C 3

/* Positions run freely and are reduced at use; head - sent is what a device has
 * still to take, never more than the ring's size.  They start shortly before
 * they wrap, so that every run crosses that point. */
#define POSITION_START (0u - CONSOLE_INPUT_SIZE)

struct console_bytes {
    char output[CONSOLE_OUTPUT_SIZE], input[CONSOLE_INPUT_SIZE];
};

struct console_terminal {
    struct console_bytes *bytes; /* apart: what begins with zeros takes no room in the image */
    struct {
        uint32_t head;
        uint32_t kept; /* bytes before head that are text, at most the size */
    } output;
    struct {
        uint32_t head, tail;
        uint32_t searched; /* no Ctrl-C before it */
        bool held;         /* the devices have been asked to stop sending */
        bool refusing;     /* until the line ends */
    } input;
    bool keyboard;  /* one of its devices has keys */
    bool listening; /* a command runs and wants to know of Ctrl-C */
    bool broken;    /* Ctrl-C came when there was no room for it */
};

static struct console_bytes first_bytes;
static struct console_terminal first = {
    .bytes = &first_bytes,
    .output = { .head = POSITION_START },
    .input = { .head = POSITION_START, .tail = POSITION_START, .searched = POSITION_START },
};
static struct console_terminal *terminals[CONSOLE_DEVICES_MAX] = { &first };
static unsigned terminal_count = 1;
static struct console_device *devices[CONSOLE_DEVICES_MAX];
static unsigned device_count;
static bool (*wait_hook)(void);
static uint64_t quiet_at; /* until then more bytes may follow those that moved */

_Static_assert((CONSOLE_OUTPUT_SIZE & (CONSOLE_OUTPUT_SIZE - 1)) == 0, "reduced by masking");
_Static_assert((CONSOLE_INPUT_SIZE & (CONSOLE_INPUT_SIZE - 1)) == 0, "reduced by masking");

static void input_reset(struct console_terminal *t)
{
    t->input.head = t->input.tail = t->input.searched = POSITION_START;
    t->input.held = t->input.refusing = false;
    t->keyboard = t->listening = t->broken = false;
}

void console_reset(void)
{
    console_options_reset();
    while (terminal_count > 1)
        free(terminals[--terminal_count]);
    input_reset(&first);
    first.output.head = POSITION_START;
    first.output.kept = 0;
    device_count = 0;
    wait_hook = NULL;
    quiet_at = 0;
}

struct console_terminal *console_terminal(unsigned n)
{
    return n < terminal_count ? terminals[n] : NULL;
}

/* It shows what was said so far, too. */
static struct console_terminal *terminal_create(void)
{
    struct console_terminal *t = malloc(sizeof *t + sizeof *t->bytes);
    if (!t)
        return NULL;
    t->bytes = (struct console_bytes *)(t + 1);
    memcpy(t->bytes->output, first_bytes.output, sizeof first_bytes.output);
    t->output = first.output;
    input_reset(t);
    terminals[terminal_count++] = t;
    return t;
}

int console_add(struct console_device *d)
{
    if (device_count == CONSOLE_DEVICES_MAX)
        return -ENOSPC;
    d->terminal = d->read && first.keyboard ? terminal_create() : &first;
    if (!d->terminal)
        return -ENOMEM;
    d->terminal->keyboard |= d->read != NULL;
    d->sent = d->terminal->output.head - d->terminal->output.kept;
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

/* Output ------------------------------------------------------------------- */

static uint32_t backlog(const struct console_device *d)
{
    return d->terminal->output.head - d->sent;
}

static uint32_t longest_backlog(const struct console_terminal *t)
{
    uint32_t most = 0;
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i]->terminal == t && backlog(devices[i]) > most)
            most = backlog(devices[i]);
    return most;
}

static void put(struct console_terminal *t, const char *text, size_t n)
{
    uint32_t at = t->output.head & (CONSOLE_OUTPUT_SIZE - 1);
    memcpy(t->bytes->output + at, text, n);
    t->output.head += (uint32_t)n;
    t->output.kept = (uint32_t)min_u64(t->output.kept + n, CONSOLE_OUTPUT_SIZE);
}

static void stay_awake(void)
{
    quiet_at = time_us() + CONSOLE_QUIET_US;
}

/* One write, up to the end of the buffer; true when the device took something. */
static bool device_send(struct console_device *d)
{
    uint32_t at = d->sent & (CONSOLE_OUTPUT_SIZE - 1), n = backlog(d);
    if (n > CONSOLE_OUTPUT_SIZE - at)
        n = CONSOLE_OUTPUT_SIZE - at;
    uint32_t taken = n ? (uint32_t)d->write(d, d->terminal->bytes->output + at, n) : 0;
    d->sent += taken;
    if (taken)
        stay_awake();
    if (taken && d->stalled) {
        unsigned missed = d->missed;
        d->stalled = false;
        d->missed = 0;
        log_warning("console: %s missed %u bytes while it took none", d->name, missed);
    }
    return taken;
}

/* Input -------------------------------------------------------------------- */

static char *input_at(struct console_terminal *t, uint32_t position)
{
    return &t->bytes->input[position & (CONSOLE_INPUT_SIZE - 1)];
}

static bool is_full(const struct console_terminal *t)
{
    return t->input.head - t->input.tail == CONSOLE_INPUT_SIZE;
}

static bool ends_line(char c)
{
    return c == '\r' || c == '\n';
}

/* A line that was cut would run as something that nobody typed: all of it goes. */
static void refuse(struct console_terminal *t, char c)
{
    while (!t->input.refusing && t->input.head != t->input.tail &&
           !ends_line(*input_at(t, t->input.head - 1)))
        t->input.head--;
    if ((int32_t)(t->input.searched - t->input.head) > 0)
        t->input.searched = t->input.head;
    t->input.refusing = !ends_line(c);
    if (longest_backlog(t) < CONSOLE_OUTPUT_SIZE)
        put(t, "\a", 1);
}

static void take_key(struct console_terminal *t, char c)
{
    bool no_room = is_full(t) || t->input.refusing;
    if (no_room && c == CONTROL_C)
        t->broken = true;
    else if (no_room)
        refuse(t, c);
    else
        *input_at(t, t->input.head++) = c;
}

static void device_receive(struct console_device *d)
{
    struct console_terminal *t = d->terminal;
    for (unsigned i = 0; i < INPUT_SLICE && (t->listening || !is_full(t)); i++) {
        int c = d->read(d);
        if (c < 0)
            return;
        stay_awake();
        take_key(t, (char)c);
    }
}

/* Hysteresis, so that a sender is not stopped and started for each byte.  One that is stopped
 * could not send Ctrl-C. */
static void hold_input(struct console_terminal *t)
{
    uint32_t fill = t->input.head - t->input.tail;
    bool hold = t->input.held ? fill > CONSOLE_INPUT_SIZE / 4 : fill > CONSOLE_INPUT_SIZE / 4 * 3;
    hold = hold && !t->listening;
    if (hold == t->input.held)
        return;
    t->input.held = hold;
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i]->terminal == t && devices[i]->hold)
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
    for (unsigned i = 0; i < terminal_count; i++)
        hold_input(terminals[i]);
    return progress;
}

void console_poll(void)
{
    move();
}

int console_getc(struct console_terminal *t)
{
    t->listening = t->broken = false;
    if (t->input.head == t->input.tail)
        move();
    return t->input.head == t->input.tail ? -1 : (unsigned char)*input_at(t, t->input.tail++);
}

/* Takes out of the ring what stands at a place in its middle. */
static void take_out(struct console_terminal *t, uint32_t at)
{
    for (; at != t->input.tail; at--)
        *input_at(t, at) = *input_at(t, at - 1);
    t->input.tail++;
}

bool console_break(struct console_terminal *t)
{
    bool broken = t->broken;
    t->listening = true;
    t->broken = false;
    if ((int32_t)(t->input.searched - t->input.tail) < 0)
        t->input.searched = t->input.tail;
    while (!broken && t->input.searched != t->input.head) {
        uint32_t at = t->input.searched++;
        broken = *input_at(t, at) == CONTROL_C;
        if (broken)
            take_out(t, at);
    }
    return broken;
}

/* Waiting ------------------------------------------------------------------ */

void console_set_wait(bool (*wait)(void))
{
    wait_hook = wait;
}

/* Gives up a backlog but for its last byte, which tells when the device takes
 * bytes again. */
static void pass_over(struct console_device *d)
{
    d->missed += CONSOLE_OUTPUT_SIZE - 1;
    d->sent = d->terminal->output.head - 1;
    d->stalled = true;
}

/* True when a device has no room below `most` and is still to be waited for. */
static bool someone_is_full(const struct console_terminal *t, uint32_t most, bool late)
{
    bool full = false;
    for (unsigned i = 0; i < device_count; i++)
        if (devices[i]->terminal != t || backlog(devices[i]) < most)
            continue;
        else if (late || devices[i]->stalled)
            pass_over(devices[i]);
        else
            full = true;
    return full;
}

/* Waits until there is room for a byte, and returns for how many; a device that is already
 * stalled, or takes nothing for so long, is not waited for. */
static uint32_t make_room(const struct console_terminal *t)
{
    uint32_t most = wait_hook ? CONSOLE_OUTPUT_SIZE - CONSOLE_RESERVE : CONSOLE_OUTPUT_SIZE;
    struct deadline d = deadline_us(CONSOLE_STALL_US);
    bool late = false;
    while (someone_is_full(t, most, late)) {
        move();
        late = deadline_passed(&d);
        if (wait_hook && !wait_hook()) {
            most = CONSOLE_OUTPUT_SIZE;
            late = true;
        }
    }
    return most - longest_backlog(t);
}

void console_write_to(struct console_terminal *t, const char *text, size_t n)
{
    while (n) {
        size_t piece = min_u64(n, make_room(t));
        uint32_t at = t->output.head & (CONSOLE_OUTPUT_SIZE - 1);
        piece = min_u64(piece, CONSOLE_OUTPUT_SIZE - at);
        put(t, text, piece);
        text += piece;
        n -= piece;
    }
}

void console_write(const char *text, size_t n)
{
    for (unsigned i = 0; i < terminal_count; i++)
        console_write_to(terminals[i], text, n);
}

static bool is_showing(const struct console_device *d)
{
    return !d->stalled && d->idle && !d->idle((struct console_device *)d);
}

static bool all_sent(void)
{
    for (unsigned i = 0; i < device_count; i++)
        if (is_showing(devices[i]) || (!devices[i]->stalled && backlog(devices[i])))
            return false;
    return true;
}

/* A device that takes nothing is none to stay awake for. */
bool console_is_quiet(void)
{
    if (time_us() < quiet_at)
        return false;
    for (unsigned i = 0; i < terminal_count; i++)
        if (terminals[i]->input.head != terminals[i]->input.tail)
            return false;
    for (unsigned i = 0; i < device_count; i++)
        if (is_showing(devices[i]))
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
