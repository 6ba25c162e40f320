/* router.c - mode l3 (router.h). */
#include "apps/ip/router.h"

#include "apps/forward/forward.h"
#include "apps/ip/address.h"
#include "apps/ip/advertise.h"
#include "apps/ip/arp_input.h"
#include "apps/ip/dad.h"
#include "apps/ip/icmp_limit.h"
#include "apps/ip/mld.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/passage.h"
#include "apps/ip/reassembly.h"
#include "apps/ip/route.h"
#include "apps/ip/route_static.h"

void router_reset(void)
{
    passage_reset();
    arp_reset();
    dad_reset();
    mld_reset();
    advertise_reset();
    route_static_shutdown();
    address_shutdown();
    reassembly_reset();
    neighbor_shutdown();
    route_shutdown();
    icmp_limit_reset();
}

/* Frames go to the interfaces' input: bridges bridge, the others are IP's. */
FORWARD_MODE(router_mode) = {
    .name = "l3",
    .help = "route IPv4 and IPv6 between interfaces, and bridge frames within bridges",
    .start = route_init,
};
