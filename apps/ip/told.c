/* told.c - what was announced (told.h). */
#include "apps/ip/told.h"

uint64_t *told_of(struct numbered *told, const struct interface *interface)
{
    uint64_t *mac = numbered_get(told, interface->number);
    if (mac)
        return mac;
    mac = calloc(1, sizeof *mac);
    if (mac && numbered_set(told, interface->number, mac)) {
        free(mac);
        mac = NULL;
    }
    return mac;
}

void told_forget(struct numbered *told, unsigned interface)
{
    free(numbered_get(told, interface));
    numbered_clear(told, interface);
}

void told_forget_all(struct numbered *told)
{
    for (unsigned i = 0; i < told->limit; i++)
        told_forget(told, i);
    numbered_free(told);
}
