/* Bytes from a terminal: through the line editor into the matcher.
 *
 * The input is what arrives on the serial line.  Every byte keeps the editor
 * sound; a line gives at most one error line, and all of it printable.  Commands
 * that print or change something have tests; here only rows without effect are
 * run, the appliance's own are matched through `help` and completion. */
#include "apps/console/command.h"
#include "apps/console/line_editor.h"
#include "tests/host/host.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int nothing(struct command_call *call)
{
    for (unsigned i = 0; i < COMMAND_ARGS; i++)
        if (call->arg[i].word && strlen(call->arg[i].word) >= COMMAND_LINE_MAX)
            abort();
    return 0;
}

#define HARMLESS(fn, pattern) \
    COMMAND(fn, pattern, "Fuzzing"); \
    static int fn(struct command_call *call) \
    { \
        return nothing(call); \
    }

HARMLESS(fuzz_all, "q NUMBER PREFIX ADDRESS MAC BDF WORD")
HARMLESS(fuzz_port, "q port PORT up|down|upper")
HARMLESS(fuzz_mode, "q mode MODE")
HARMLESS(fuzz_line, "q line LINE")
HARMLESS(fuzz_number, "q number NUMBER")
HARMLESS(fuzz_prefix, "q prefix PREFIX")
HARMLESS(fuzz_address, "q address ADDRESS")
HARMLESS(fuzz_groups, "q groups ADDRESS [count NUMBER] [up|down] [sticky] [name NAME]")
HARMLESS(fuzz_name, "q name NAME port PORT")
HARMLESS(fuzz_name_add, "q name add NAME")

static unsigned error_lines;

static void write_checked(struct out *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
            abort();
        error_lines += text[i] == '\n';
    }
}

static void write_nothing(struct out *out, const char *text, size_t n) {}

static struct out checked = { .write = write_checked }, nowhere = { .write = write_nothing };

static void run(const char *line)
{
    char own[COMMAND_LINE_MAX + 2] = "q ";
    struct command_call call = { .out = &nowhere };

    if (strlen(line) >= COMMAND_LINE_MAX)
        abort();
    strcat(own, line);
    error_lines = 0;
    int e = command_run(own, &checked, NULL, 0);
    if (error_lines != (e < 0))
        abort();
    if (line[strspn(line, " \t")]) /* else it is all that there is, and always the same */
        command_help(&call, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line_editor *editor = malloc(sizeof *editor); /* overruns are seen */

    host_reset();
    checked.lines = nowhere.lines = 0;
    line_editor_init(editor, &nowhere, "> ");
    line_editor_start(editor);
    for (size_t i = 0; i < size; i++) {
        enum line_event event = line_editor_feed(editor, data[i]);
        if (editor->cursor > editor->length || editor->length >= COMMAND_LINE_MAX ||
            editor->history_at > editor->history_length ||
            editor->history_length > LINE_HISTORY_SIZE)
            abort();
        if (event == LINE_DONE)
            run(editor->line);
        if (event != LINE_EDITING)
            line_editor_start(editor);
    }
    free(editor);
    return 0;
}
