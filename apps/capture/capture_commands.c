/* capture_commands.c - `capture ...`. */
#include "apps/capture/bpf.h"
#include "apps/capture/capture.h"
#include "apps/console/command.h"
#include "apps/forward/interface.h"
#include "kernel/files.h"
#include "nic/port.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define FILE_DEFAULT "capture.pcapng"

static int number_in(struct command_call *call, const char *word, uint64_t least, uint64_t most,
                     uint64_t *value)
{
    const struct command_arg *arg = command_option(call, word);
    if (!arg)
        return 0;
    if (arg->number < least || arg->number > most)
        return command_error(call, "%s '%s' is out of range, expected %" PRIu64 " to %" PRIu64,
                             word, arg->word, least, most);
    *value = arg->number;
    return 0;
}

static int refused(struct command_call *call, int e, const char *file)
{
    switch (e) {
    case -EBUSY:
        return command_error(call, "a capture runs already, expected 'capture stop' first");
    case -EEXIST:
        return command_error(call, "'%s' came with the image or is in use, expected another file",
                             file);
    case -EINVAL:
        return command_error(call,
                             "'%s' cannot be a file's name, expected up to %u characters but ';'",
                             file, FILES_NAME_MAX);
    case -ENOMEM:
        return command_error(call, "there is no memory for it: a smaller limit may help");
    default:
        return command_error(call, "there is no room for another file");
    }
}

/* A capture's file of before makes room for the next of its name. */
static int start(struct command_call *call, struct capture_options *o)
{
    struct bpf_program filter;
    const struct command_arg *expression = command_option(call, "filter"),
                             *file = command_option(call, "file");
    uint64_t snaplen = CAPTURE_SNAPLEN, limit = CAPTURE_LIMIT;
    struct capture_state s;
    if (number_in(call, "snaplen", 1, CAPTURE_SNAPLEN, &snaplen) ||
        number_in(call, "limit", CAPTURE_LIMIT_MIN, CAPTURE_LIMIT_MAX, &limit))
        return -1;
    const char *wrong = expression ? bpf_parse(expression->word, &filter) : NULL;
    if (wrong)
        return command_error(
            call, "the filter is refused: %s, expected what tools/capture-filter prints", wrong);
    o->filter = expression ? &filter : NULL;
    o->snaplen = (uint32_t)snaplen;
    o->limit = limit;
    o->file = file ? file->word : FILE_DEFAULT;
    capture_read(&s);
    if (s.running)
        return refused(call, -EBUSY, o->file);
    if (s.file && !strcmp(s.file, o->file))
        files_remove(o->file);
    int e = capture_start(o);
    return e ? refused(call, e, o->file) : 0;
}

#define OPTIONS "[filter WORD] [snaplen NUMBER] [limit NUMBER] [file WORD]"

COMMAND(cmd_capture_port, "capture start PORT " OPTIONS, "Copy what passes a port into a file");
static int cmd_capture_port(struct command_call *call)
{
    return start(call, &(struct capture_options){ .port = call->arg[0].port });
}

COMMAND(cmd_capture_interface, "capture start interface INTERFACE " OPTIONS,
        "Copy what passes an interface into a file");
static int cmd_capture_interface(struct command_call *call)
{
    return start(call, &(struct capture_options){ .interface = call->arg[0].interface });
}

COMMAND(cmd_capture_drops, "capture start drops " OPTIONS,
        "Copy what is dropped into a file, with the reason as a comment");
static int cmd_capture_drops(struct command_call *call)
{
    return start(call, &(struct capture_options){ .drops = true });
}

static void show(struct out *out)
{
    struct capture_state s;
    capture_read(&s);
    if (!s.file) {
        out_text(out, "no capture\n");
        return;
    }
    out_printf(out,
               "capture of %s into %s: %s, %" PRIu64 " frames, %" PRIu64 " lost, %" PRIu64
               " filtered out, %" PRIu64 " of %" PRIu64 " bytes\n",
               s.of, s.file, s.running ? "running" : "stopped", s.frames, s.lost, s.passed,
               (uint64_t)s.bytes, (uint64_t)s.limit);
}

COMMAND(cmd_capture_stop, "capture stop", "End the capture; its file stays");
static int cmd_capture_stop(struct command_call *call)
{
    struct capture_state s;
    capture_read(&s);
    if (!s.running)
        return command_error(call, "no capture runs, expected 'capture start' first");
    capture_stop();
    show(call->out);
    return 0;
}

COMMAND_AT_ONCE(cmd_capture_show, "capture show", "Show the capture that runs, or ran last");
static int cmd_capture_show(struct command_call *call)
{
    show(call->out);
    return 0;
}

COMMAND(cmd_show_capture, "show capture", "Show the capture that runs, or ran last");
static int cmd_show_capture(struct command_call *call)
{
    show(call->out);
    return 0;
}
