/* What a boot loader hands over: the command line, and after its first NUL byte
 * the configuration file.  Every error is one printable line, and all of them
 * are counted.  Commands that do something have tests of their own: a text in
 * which one could be meant is parsed, but not run. */
#include "apps/console/config.h"

#include "apps/console/command.h"
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

COMMAND(fuzz_set, "q NUMBER on|off", "Fuzzing");
static int fuzz_set(struct command_call *call)
{
    return call->arg[0].number > 9 ? command_error(call, "too much") : 0;
}

COMMAND(fuzz_prefix, "q prefix PREFIX", "Fuzzing");
static int fuzz_prefix(struct command_call *call)
{
    return 0;
}

static unsigned error_lines;
static bool line_begins;

static void write_checked(struct out *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
            abort();
        if (line_begins && n - i >= 7 && !memcmp(text + i, "error: ", 7))
            error_lines++;
        line_begins = text[i] == '\n';
    }
}

/* True when no part begins with a letter but q, which the rows above have. */
static bool is_harmless(const char *text, size_t n, char separator)
{
    for (bool begins = true; n; text++, n--) {
        bool letter = *text >= 'a' && *text <= 'z';
        if (begins && letter && *text != 'q')
            return false;
        begins = *text == separator || (begins && !letter);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct out out = { .write = write_checked };
    const uint8_t *end = memchr(data, 0, size);
    size_t length = end ? (size_t)(end - data) : size, file_size = end ? size - length - 1 : 0;
    char *command_line = malloc(length + 1), *file = malloc(file_size ? file_size : 1);
    struct options o;
    const char *commands;

    host_reset();
    memcpy(command_line, data, length);
    command_line[length] = 0;
    if (file_size)
        memcpy(file, end + 1, file_size);
    error_lines = 0;
    line_begins = true;
    unsigned wrong = config_parse_command_line(command_line, &o, &commands, &out);
    if (wrong != error_lines || commands < command_line || commands > command_line + length ||
        o.consoles > CONSOLE_DEVICES_MAX || o.iommu > IOMMU_STRICT || o.log_level > LOG_DEBUG)
        abort();
    for (unsigned i = 0; i < o.consoles; i++)
        if (!memchr(o.console[i], 0, OPTION_CONSOLE_MAX))
            abort();
    error_lines = 0;
    const struct config_file row = { .source = "configuration", .text = file, .size = file_size };
    if (is_harmless(commands, strlen(commands), ';') && is_harmless(file, file_size, '\n') &&
        config_run(command_line, &row, 1, &out) != error_lines)
        abort();
    free(command_line);
    free(file);
    return 0;
}
