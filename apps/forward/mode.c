/* mode.c - the mode in force (mode.h). */
#include "apps/forward/mode.h"

#include <string.h>

TABLE_DECLARE(forward_modes, struct forward_mode);

static const struct forward_mode *chosen;
static bool runs;

const struct forward_mode *forward_find_mode(const char *name)
{
    TABLE_FOR_EACH (forward_modes, struct forward_mode, mode)
        if (!strcmp(mode->name, name))
            return mode;
    return NULL;
}

const struct forward_mode *forward_get_mode(void)
{
    return chosen ? chosen : forward_find_mode("l2");
}

bool forward_running(void)
{
    return runs;
}

void mode_note(const struct forward_mode *mode, bool running)
{
    chosen = mode;
    runs = running;
}
