/* on_link.c - gateways that routes say are neighbors (on_link.h). */
#include "apps/ip/on_link.h"

#include "kernel/memory.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define BUCKETS 64u

static struct entry {
    struct entry *next;
    struct ip_address gateway;
    uint16_t interface;
    uint32_t count;
} * buckets[BUCKETS];

/* Where the entry is, or would be. */
static struct entry **place_of(struct ip_address gateway, uint16_t interface)
{
    struct entry **place = &buckets[ip_hash(gateway) % BUCKETS];
    while (*place && ((*place)->interface != interface || !ip_equal((*place)->gateway, gateway)))
        place = &(*place)->next;
    return place;
}

int on_link_add(struct ip_address gateway, uint16_t interface)
{
    struct entry **place = place_of(gateway, interface);
    if (!*place) {
        *place = table_calloc(1, sizeof **place);
        if (!*place)
            return -ENOMEM;
        (*place)->gateway = gateway;
        (*place)->interface = interface;
    }
    (*place)->count++;
    return 0;
}

void on_link_remove(struct ip_address gateway, uint16_t interface)
{
    struct entry **place = place_of(gateway, interface), *entry = *place;
    if (--entry->count)
        return;
    *place = entry->next;
    free(entry);
}

bool on_link_has(struct ip_address gateway, uint16_t interface)
{
    return *place_of(gateway, interface);
}

void on_link_shutdown(void)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        while (buckets[i]) {
            struct entry *entry = buckets[i];
            buckets[i] = entry->next;
            free(entry);
        }
}
