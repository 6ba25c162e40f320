/* config.c - options and configuration (config.h). */
#include "apps/console/config.h"

#include "apps/console/command.h"
#include "kernel/cpus.h"

#include <stdio.h>
#include <string.h>

#define OPTION_MAX 64u

_Static_assert(CPUS_MAX == 64, "as the text of cores= says");

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Options ------------------------------------------------------------------- */

/* Kept as it is for console_init(). */
static bool set_console(struct options *o, const char *value)
{
    if (strlen(value) >= OPTION_CONSOLE_MAX || o->consoles == CONSOLE_DEVICES_MAX ||
        !console_option_is_valid(value))
        return false;
    strcpy(o->console[o->consoles++], value);
    return true;
}

static bool set_iommu(struct options *o, const char *value)
{
    static const char *const words[] = {
        [IOMMU_ON] = "on", [IOMMU_OFF] = "off", [IOMMU_STRICT] = "strict"
    };

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        if (!strcmp(value, words[i])) {
            o->iommu = (enum iommu_option)i;
            return true;
        }
    return false;
}

static bool set_ats(struct options *o, const char *value)
{
    return pci_trusted_parse(value, &o->ats);
}

static bool set_log_level(struct options *o, const char *value)
{
    return log_level_parse(value, &o->log_level);
}

static bool set_cores(struct options *o, const char *value)
{
    uint64_t n;
    if (!parse_number(value, &n) || n < 1 || n > CPUS_MAX)
        return false;
    o->cores = (unsigned)n;
    return true;
}

static bool set_panic(struct options *o, const char *value)
{
    if (strcmp(value, "halt"))
        return false;
    o->panic_halt = true;
    return true;
}

static bool set_rss(struct options *o, const char *value)
{
    o->rss_standard = !strcmp(value, "standard");
    return o->rss_standard || !strcmp(value, "symmetric");
}

static bool set_poll(struct options *o, const char *value)
{
    o->poll_busy = !strcmp(value, "busy");
    return o->poll_busy || !strcmp(value, "adaptive");
}

/* As Linux spells it, and as QEMU, Firecracker and others write it for their guests. */
static bool set_mmio(struct options *o, const char *value)
{
    if (o->mmio_slots == VIRTIO_MMIO_SLOTS_MAX ||
        !virtio_mmio_parse(value, &o->mmio[o->mmio_slots]))
        return false;
    o->mmio_slots++;
    return true;
}

static const struct option {
    const char *name;   /* with its '=' */
    const char *values; /* for errors */
    bool (*set)(struct options *o, const char *value);
} options[] = {
    { "ats=", "all|BDF[,BDF...]", set_ats },
    { "console=", CONSOLE_OPTIONS, set_console },
    { "cores=", "1 to 64", set_cores },
    { "iommu=", "on|off|strict", set_iommu },
    { "loglevel=", "error|warning|info|debug", set_log_level },
    { "panic=", "halt", set_panic },
    { "poll=", "busy|adaptive", set_poll },
    { "rss=", "symmetric|standard", set_rss },
    { "virtio_mmio.device=", "SIZE@BASE:IRQ[:ID]", set_mmio },
};

/* 0, or negative after the one line that says why not. */
static int set_option(struct options *o, const char *text, size_t n, struct command_call *call)
{
    char word[OPTION_MAX];

    text_printable(word, sizeof word, text, n);
    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        size_t name = strlen(options[i].name);
        if (strncmp(word, options[i].name, name))
            continue;
        if (n < sizeof word && options[i].set(o, word + name))
            return 0;
        return command_error(call, "wrong option '%s', expected %s%s", word, options[i].name,
                             options[i].values);
    }
    return command_error(call,
                         "unknown option '%s', expected ats=, console=, cores=, iommu=, loglevel=, "
                         "panic=, poll=, rss=, virtio_mmio.device= or -- and commands",
                         word);
}

static void reverse(char *from, char *to)
{
    while (from < to) {
        char c = *from;
        *from++ = *--to;
        *to = c;
    }
}

/* Rotates in place: each part is reversed, then the whole. */
void config_devices_first(char *text)
{
    char *commands = strstr(text, "-- ");
    char *devices = commands ? strstr(commands, " virtio_mmio.device=") : NULL;
    if (!devices || (commands > text && !is_blank(commands[-1])))
        return;
    char *end = text + strlen(text);
    reverse(commands, devices);
    reverse(devices + 1, end);
    reverse(commands, end);
}

static void write_nothing(struct out *out, const char *text, size_t n) {}

unsigned config_parse_command_line(const char *text, struct options *o, const char **commands,
                                   struct out *out)
{
    struct out nowhere = { .write = write_nothing };
    struct command_call call = { .out = out ? out : &nowhere, .source = "command line" };
    unsigned errors = 0;

    *o = (struct options){ .log_level = LOG_INFO };
    for (;;) {
        size_t n = 0;
        while (is_blank(*text))
            text++;
        while (text[n] && !is_blank(text[n]))
            n++;
        if (!n || (n == 2 && !strncmp(text, "--", 2))) {
            if (commands)
                *commands = text + n;
            return errors;
        }
        errors += set_option(o, text, n, &call) < 0;
        text += n;
    }
}

/* Sources ------------------------------------------------------------------- */

static void count_errors(struct out *out, const char *source, unsigned errors)
{
    if (errors)
        out_printf(out, "%s: %u error%s\n", source, errors, errors == 1 ? "" : "s");
}

/* An editor's byte order mark (unread: Unicode 15 23.8) is no part of the text. */
static void skip_byte_order_mark(const char **file, size_t *size)
{
    if (*size >= 3 && !memcmp(*file, "\xef\xbb\xbf", 3)) {
        *file += 3;
        *size -= 3;
    }
}

static unsigned run_file(const struct config_file *file, struct out *out)
{
    struct command_call call = { .out = out, .source = file->source };
    const char *text = file->text;
    size_t size = file->size;
    unsigned errors = 0;

    if (file->lost) {
        command_error(&call, "%s", file->lost);
        errors = 1;
    } else if (text) {
        skip_byte_order_mark(&text, &size);
        errors = command_run_text(text, size, '\n', out, file->source);
    }
    count_errors(out, file->source, errors);
    return errors;
}

unsigned config_run(const char *command_line, const struct config_file *files, unsigned count,
                    struct out *out)
{
    struct options o;
    const char *commands;
    unsigned in_files = 0;
    unsigned errors = config_parse_command_line(command_line, &o, &commands, out);

    for (unsigned i = 0; i < count; i++)
        in_files += run_file(&files[i], out);
    errors += command_run_text(commands, strlen(commands), ';', out, "command line");
    count_errors(out, "command line", errors);
    return in_files + errors;
}
