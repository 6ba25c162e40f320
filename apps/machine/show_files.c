/* show_files.c - the files that came with the image (kernel/files.h). */
#include "apps/console/command.h"
#include "kernel/files.h"

#include <inttypes.h>

COMMAND(cmd_show_files, "show files", "Show the files that a boot module brought");
static int cmd_show_files(struct command_call *call)
{
    if (!files_count())
        out_text(call->out, "none: a boot module that is a cpio archive brings some\n");
    for (unsigned i = 0; i < files_count(); i++)
        out_printf(call->out, "%10" PRIu64 "  %s\n", (uint64_t)files_get(i)->size,
                   files_get(i)->name);
    return 0;
}
