/* adjacency.c - making and changing what workers put in front of packets (adjacency.h). */
#include "apps/ip/adjacency.h"

#include "apps/forward/quiesce.h"

#include <errno.h>
#include <string.h>

enum {
    BLANK,   /* no worker can be at it */
    LIVE,    /* valid */
    RESTING, /* it was valid a moment ago */
    LEAVING, /* the same, and it is given back then */
};

struct slots adjacencies;
static uint32_t resting, waiting; /* lists of those that rest: retire() was called for them, or
                                   * is to be */

int adjacency_init(void)
{
    int e = slots_init(&adjacencies, sizeof(struct adjacency), ADJACENCIES_MAX);
    if (e || adjacencies.made)
        return e;
    return slots_take(&adjacencies) == ADJACENCY_NONE ? 0 : -ENOMEM;
}

void adjacency_shutdown(void)
{
    slots_free(&adjacencies);
    resting = waiting = 0;
}

static void make_valid(struct adjacency *a)
{
    const struct interface *interface = a->interface;
    a->state = LIVE;
    a->mtu = interface->mtu;
    a->header_length = ETHERNET_HEADER;
    memcpy(a->header, a->mac, MAC_LEN);
    memcpy(a->header + ETHERNET_SOURCE, interface->mac, MAC_LEN);
    if (interface->vid) {
        store_be16(a->header + ETHERNET_TYPE, ETHERTYPE_VLAN);
        store_be16(a->header + VLAN_TCI, interface->vid);
        a->header_length += VLAN_TAG;
    }
    store_be16(a->header + a->header_length - 2, a->type);
    store_release(&a->valid, 1);
}

static void begin_rest(void);

static void have_rested(void *arg)
{
    uint32_t number = resting;
    resting = 0;
    while (number) {
        struct adjacency *a = adjacency_at(number);
        uint32_t next = a->resting;
        bool leaving = a->state == LEAVING;
        a->state = BLANK;
        if (leaving)
            slots_give(&adjacencies, number);
        else if (a->wanted)
            make_valid(a);
        number = next;
    }
    begin_rest();
}

/* One retire() at a time: those that come meanwhile wait for the next. */
static void begin_rest(void)
{
    if (resting || !waiting)
        return;
    resting = waiting;
    waiting = 0;
    retire(have_rested, NULL);
}

static void put_to_rest(uint32_t number)
{
    struct adjacency *a = adjacency_at(number);
    store_release(&a->valid, 0);
    a->state = RESTING;
    a->resting = waiting;
    waiting = number;
}

uint32_t adjacency_make(struct interface *interface, uint16_t type, uint32_t owner)
{
    uint32_t number = slots_take(&adjacencies);
    if (number == SLOTS_NONE)
        return ADJACENCY_NONE;
    struct adjacency *a = adjacency_at(number);
    a->interface = interface;
    a->type = type;
    a->owner = owner;
    return number;
}

static void tell(void)
{
    TABLE_FOR_EACH (adjacency_watchers, struct adjacency_watcher, watcher)
        watcher->changed();
}

void adjacency_free(uint32_t number)
{
    struct adjacency *a = adjacency_at(number);
    a->wanted = false;
    if (a->state == BLANK) {
        slots_give(&adjacencies, number);
        return;
    }
    if (a->state == LIVE)
        put_to_rest(number);
    a->state = LEAVING;
    begin_rest();
}

void adjacency_resolve(uint32_t number, const uint8_t mac[MAC_LEN])
{
    struct adjacency *a = adjacency_at(number);
    bool same = mac_equal(a->mac, mac), is_news = a->watched && !a->wanted;
    a->wanted = true;
    memcpy(a->mac, mac, MAC_LEN);
    if (a->state == BLANK)
        make_valid(a);
    else if (a->state == LIVE && !same)
        put_to_rest(number);
    begin_rest();
    if (is_news)
        tell();
}

void adjacency_unresolve(uint32_t number)
{
    struct adjacency *a = adjacency_at(number);
    bool is_news = a->watched && a->wanted;
    a->wanted = false;
    if (a->state == LIVE)
        put_to_rest(number);
    begin_rest();
    if (is_news)
        tell();
}

static bool is_current(const struct adjacency *a)
{
    return a->mtu == a->interface->mtu && mac_equal(a->header + ETHERNET_SOURCE, a->interface->mac);
}

void adjacency_refresh(uint32_t number)
{
    const struct adjacency *a = adjacency_at(number);
    if (a->state == LIVE && !is_current(a))
        put_to_rest(number);
    begin_rest();
}
