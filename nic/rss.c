/* rss.c - the two keys (rss.h). */
#include "nic/rss.h"

/* The same 16 bits all over give swapped addresses and ports the same hash (Woo and Park,
 * "Scalable TCP session monitoring with symmetric receive-side scaling", 2012). */
#define TWICE(x) x, x
#define PAIR 0x6d, 0x5a

static const uint8_t symmetric[RSS_KEY_LENGTH] = {
    TWICE(TWICE(TWICE(TWICE(PAIR)))),
    TWICE(TWICE(PAIR)),
};

/* The key of Microsoft's "Verifying the RSS hash calculation", which many drivers use. */
static const uint8_t usual[RSS_KEY_LENGTH] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const uint8_t *key = symmetric;

const uint8_t *rss_key(void)
{
    return key;
}

void rss_set_symmetric(bool on)
{
    key = on ? symmetric : usual;
}

bool rss_is_symmetric(void)
{
    return key == symmetric;
}
