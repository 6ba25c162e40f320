/* advertise.h - router advertisements (RFC 4861 6.2; unread: RFC 8106, RFC 4862 5.5.3).
 *
 * An interface advertises when it is told to, has a link-local address that is nobody else's, and
 * the mode routes.  What is not said otherwise is as 6.2.1 has it: prefixes are all that the
 * interface has, for 30 and 7 days; those of 64 bits are for autoconfiguration.  Control task
 * only. */
#pragma once

#include "apps/forward/interface.h"
#include "apps/ip/ip_address.h"
#include "kernel/time.h"

#include <stdbool.h>

/* RFC 4861 6.2.1, 10 */
#define ADVERTISE_MAX_US (600ull * US_PER_S)
#define ADVERTISE_MIN_US (200ull * US_PER_S)
#define ADVERTISE_INITIAL 3u
#define ADVERTISE_INITIAL_US (16ull * US_PER_S)
#define ADVERTISE_APART_US (3ull * US_PER_S)
#define ADVERTISE_DELAY_US (US_PER_S / 2)
#define ADVERTISE_LIFETIME 1800u /* seconds */
#define ADVERTISE_LIFETIME_MAX 9000u
#define ADVERTISE_VALID 2592000u
#define ADVERTISE_PREFERRED 604800u

#define ADVERTISE_PREFIXES 8u
#define ADVERTISE_SERVERS 3u

struct advertiser {
    bool on;
    uint16_t lifetime; /* of this router as a default one; 0: it is none */
    unsigned prefixes, servers;
    struct {
        struct ip_address address;
        uint8_t length;
    } prefix[ADVERTISE_PREFIXES]; /* none: those of the interface */
    struct ip_address server[ADVERTISE_SERVERS];
    /* when */
    uint64_t due_us, last_us; /* 0: not */
    unsigned sent;
    bool speaking; /* it has advertised, and not taken it back */
};

/* What is configured; NULL: nothing, or with `make` no memory. */
struct advertiser *advertiser_of(const struct interface *interface, bool make);
void advertise_changed(struct interface *interface); /* tells hosts soon */
void advertise_set(struct interface *interface, struct advertiser *advertiser, bool on);
void advertise_reset(void); /* tests */
