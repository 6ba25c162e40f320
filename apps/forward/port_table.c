/* port_table.c - the ports that were taken in, by number (port_table.h). */
#include "apps/forward/port_table.h"

#include "kernel/numbered.h"

static struct numbered known;

struct forward_port *forward_port_get(unsigned number)
{
    return numbered_get(&known, number);
}

unsigned port_table_limit(void)
{
    return known.limit;
}

int port_table_set(unsigned number, struct forward_port *fp)
{
    if (fp)
        return numbered_set(&known, number, fp);
    numbered_clear(&known, number);
    return 0;
}

void port_table_free(void)
{
    numbered_free(&known);
}
