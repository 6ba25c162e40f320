/* advertise.c - router advertisements (advertise.h). */
#include "apps/ip/advertise.h"

#include "apps/forward/event.h"
#include "apps/forward/job.h"
#include "apps/ip/address.h"
#include "apps/ip/nd_input.h"
#include "apps/ip/running.h"
#include "kernel/numbered.h"
#include "kernel/random.h"

#include <stdlib.h>

#define TICK_US 50000u

/* RFC 4861 4.2, 4.6.2, 4.6.4; unread: RFC 8106 5.1 */
#define RA_LENGTH 16u
#define RA_HOP_LIMIT 4u
#define RA_LIFETIME 6u
#define MTU_LENGTH 8u
#define PREFIX_LENGTH 32u
#define PREFIX_ON_LINK 0x80u
#define PREFIX_AUTONOMOUS 0x40u
#define DNS_LENGTH(servers) (8u + 16u * (servers))

static struct numbered advertisers;

struct advertiser *advertiser_of(const struct interface *interface, bool make)
{
    struct advertiser *a = numbered_get(&advertisers, interface->number);
    if (a || !make)
        return a;
    a = calloc(1, sizeof *a);
    if (a && numbered_set(&advertisers, interface->number, a)) {
        free(a);
        a = NULL;
    }
    if (a)
        a->lifetime = ADVERTISE_LIFETIME;
    return a;
}

static void forget(unsigned interface)
{
    free(numbered_get(&advertisers, interface));
    numbered_clear(&advertisers, interface);
}

void advertise_reset(void)
{
    for (unsigned i = 0; i < advertisers.limit; i++)
        forget(i);
    numbered_free(&advertisers);
}

/* The message -------------------------------------------------------------------- */

static uint8_t *put_mtu(uint8_t *at, uint16_t mtu)
{
    memset(at, 0, MTU_LENGTH);
    at[0] = ND_OPTION_MTU;
    at[1] = MTU_LENGTH / 8;
    store_be32(at + 4, mtu);
    return at + MTU_LENGTH;
}

static uint8_t *put_prefix(uint8_t *at, struct ip_address prefix, unsigned length)
{
    memset(at, 0, PREFIX_LENGTH);
    at[0] = ND_OPTION_PREFIX;
    at[1] = PREFIX_LENGTH / 8;
    at[2] = (uint8_t)length;
    at[3] = PREFIX_ON_LINK | (length == 64 ? PREFIX_AUTONOMOUS : 0);
    store_be32(at + 4, ADVERTISE_VALID);
    store_be32(at + 8, ADVERTISE_PREFERRED);
    ip_store(at + 16, prefix);
    return at + PREFIX_LENGTH;
}

/* Each prefix that the interface has, once; as many as there is room for. */
static uint8_t *put_own(uint8_t *at, const struct interface *interface)
{
    struct ip_address put[ADVERTISE_PREFIXES];
    const struct address *a;
    unsigned n = 0;
    for (unsigned i = 0; n < ADVERTISE_PREFIXES && (a = address_of(interface, i)); i++) {
        bool again = false;
        if (ip_is_v4(a->address) || ipv6_is_link_local(a->address) || a->length == 128)
            continue;
        put[n] = ip_network(a->address, a->length);
        for (unsigned k = 0; k < n; k++)
            again |= ip_equal(put[k], put[n]);
        if (!again)
            at = put_prefix(at, put[n++], a->length);
    }
    return at;
}

static uint8_t *put_servers(uint8_t *at, const struct advertiser *a, uint32_t lifetime)
{
    memset(at, 0, 8);
    at[0] = ND_OPTION_DNS;
    at[1] = (uint8_t)(DNS_LENGTH(a->servers) / 8);
    store_be32(at + 4, lifetime);
    for (unsigned i = 0; i < a->servers; i++)
        ip_store(at + 8 + 16 * i, a->server[i]);
    return at + DNS_LENGTH(a->servers);
}

/* The link-local address that we advertise from; NULL: there is none. */
static const struct address *speaker(const struct interface *interface)
{
    const struct address *us = address_source(interface, IPV6_LINK);
    return us && ipv6_is_link_local(us->address) ? us : NULL;
}

/* RFC 4861 6.2.3; `last`: we are no router any more (6.2.5), or not of that address. */
static void send(struct worker *control, struct interface *out, const struct advertiser *a,
                 struct ip_address from, bool last)
{
    uint32_t room = RA_LENGTH + ND_OPTION_MAC_LENGTH + MTU_LENGTH +
                    ADVERTISE_PREFIXES * PREFIX_LENGTH + DNS_LENGTH(ADVERTISE_SERVERS);
    struct packet *p = icmp6_make(control, from, IPV6_ALL_NODES, ICMP6_ROUTER_ADVERTISEMENT, room);
    if (!p)
        return;
    uint8_t *icmp = icmp6_of(p), *at = icmp + RA_LENGTH;
    memset(icmp + ICMP6_HEADER, 0, RA_LENGTH - ICMP6_HEADER);
    icmp[RA_HOP_LIMIT] = IPV6_HOP_LIMIT_DEFAULT;
    store_be16(icmp + RA_LIFETIME, last ? 0 : a->lifetime);
    at = nd_put_mac(at, ND_OPTION_SOURCE, out->mac);
    at = put_mtu(at, out->mtu);
    for (unsigned i = 0; i < a->prefixes; i++)
        at = put_prefix(at, a->prefix[i].address, a->prefix[i].length);
    if (!a->prefixes)
        at = put_own(at, out);
    if (a->servers)
        at = put_servers(at, a, last ? 0 : ADVERTISE_LIFETIME);
    p->length = (uint16_t)(at - p->data);
    p->frame_length = p->length;
    store_be16(p->data + ETHERNET_HEADER + IPV6_PAYLOAD_LENGTH, (uint16_t)(at - icmp));
    nd_send(control, out, NULL, p);
}

/* When ------------------------------------------------------------------------------ */

static bool may_speak(const struct interface *interface)
{
    return ip_running() && ip_routing() && interface->up && speaker(interface);
}

/* RFC 4861 6.2.4 */
static void advertise(struct worker *control, struct interface *out, struct advertiser *a,
                      uint64_t now_us)
{
    uint64_t wait_us = ADVERTISE_MIN_US + random_word() % (ADVERTISE_MAX_US - ADVERTISE_MIN_US);
    if (++a->sent < ADVERTISE_INITIAL && wait_us > ADVERTISE_INITIAL_US)
        wait_us = ADVERTISE_INITIAL_US;
    a->last_us = now_us;
    a->due_us = now_us + wait_us;
    a->speaking = true;
    send(control, out, a, speaker(out)->address, false);
}

static void take_back(struct worker *control, struct interface *out, struct advertiser *a)
{
    const struct address *us = speaker(out);
    if (a->speaking && ip_running() && out->up && us)
        send(control, out, a, us->address, true);
    a->speaking = false;
    a->due_us = 0;
    a->sent = 0;
}

static void tick(struct worker *control, uint64_t now_us)
{
    for (unsigned i = 0; i < advertisers.limit; i++) {
        struct advertiser *a = numbered_get(&advertisers, i);
        struct interface *out = interface_get(i);
        if (!a || !out || !a->on)
            continue;
        if (!may_speak(out))
            take_back(control, out, a);
        else if (now_us >= a->due_us && (!a->last_us || now_us >= a->last_us + ADVERTISE_APART_US))
            advertise(control, out, a, now_us);
    }
}

CONTROL_JOB(advertise_job) = { .every_us = TICK_US, .run = tick };

void advertise_changed(struct interface *interface)
{
    struct advertiser *a = advertiser_of(interface, false);
    if (!a)
        return;
    a->sent = 0;
    a->due_us = 0;
}

void advertise_set(struct interface *interface, struct advertiser *a, bool on)
{
    if (a->on && !on)
        take_back(control_worker(), interface, a);
    a->on = on;
}

/* RFC 4861 6.2.6: all are answered together, a moment later. */
static void solicited(struct advertiser *a, uint64_t now_us)
{
    uint64_t due_us = now_us + random_word() % ADVERTISE_DELAY_US;
    if (a->last_us && now_us < a->last_us + ADVERTISE_APART_US)
        due_us += a->last_us + ADVERTISE_APART_US - now_us;
    a->due_us = due_us < a->due_us ? due_us : a->due_us;
}

static void solicitation(struct worker *control, const struct icmp6_message *m)
{
    struct advertiser *a = advertiser_of(m->in, false);
    if (!nd_is_valid(m, ND_ROUTER_SOLICITATION_LENGTH) ||
        (ip_is_zero(m->source) &&
         nd_option_mac(m, ND_ROUTER_SOLICITATION_LENGTH, ND_OPTION_SOURCE))) {
        forward_drop(control, m->packet->port, DROP_nd_invalid, m->packet);
        return;
    }
    if (!ip_is_zero(m->source))
        nd_hear_source(control, m, ND_ROUTER_SOLICITATION_LENGTH);
    if (a && a->on)
        solicited(a, time_us());
    forward_consume(control, m->packet);
}

ICMP6_TAKER(router_solicitations) = { .type = ICMP6_ROUTER_SOLICITATION, .receive = solicitation };

/* RFC 4861 6.2.8: the router that hosts know by that address is none any more. */
static void speaker_gone(struct interface *interface, struct ip_address address)
{
    struct advertiser *a = advertiser_of(interface, false);
    bool can = ip_running() && interface->up && !interface->gone;
    if (a && a->speaking && can && ipv6_is_link_local(address))
        send(control_worker(), interface, a, address, true);
}

static void heard(const struct event *event)
{
    const struct address *address = event->subject;
    switch (event->kind) {
    case EVENT_INTERFACE_GONE:
        forget(event->interface->number);
        break;
    case EVENT_ADDRESS_GONE:
        speaker_gone(event->interface, address->address);
        advertise_changed(event->interface);
        break;
    case EVENT_ADDRESS_ADDED:
    case EVENT_INTERFACE_CHANGED:
    case EVENT_INTERFACE_UP:
        advertise_changed(event->interface);
        break;
    default:
        break;
    }
}

EVENT_LISTENER(advertise_listener) = { .order = EVENT_ORDER_IP, .heard = heard };
