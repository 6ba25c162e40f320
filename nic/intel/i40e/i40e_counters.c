/* i40e_counters.c - statistics of an X710's port and of its PF's VSI (i40e.h).
 *
 * They count on and on, 48 or 32 bits wide, outlive the PF's reset and begin anew with the chip's.
 * Linux's and DPDK's i40e agree on where they are. */
#include "nic/intel/i40e/i40e.h"

#define WIDE 0x1u      /* 48 bits */
#define VSI 0x2u       /* of the PF's VSI, else of its port: 8 bytes each */
#define MISSED 0x4u    /* frames refused for want of room or descriptors */
#define RX_ERRORS 0x8u /* each frame that the MAC refused is in exactly one of these */
#define TX_ERRORS 0x10u

static const struct counter {
    const char *name;
    uint32_t at;
    uint8_t kind;
} counters[] = {
    { "GORC", 0x300000, WIDE },    /* octets received, FCS included */
    { "UPRC", 0x3005a0, WIDE },    /* frames received: unicast */
    { "MPRC", 0x3005c0, WIDE },    /* multicast */
    { "BPRC", 0x3005e0, WIDE },    /* broadcast */
    { "GOTC", 0x300680, WIDE },    /* octets sent */
    { "UPTC", 0x3009c0, WIDE },    /* frames sent: unicast */
    { "MPTC", 0x3009e0, WIDE },    /* multicast */
    { "BPTC", 0x300a00, WIDE },    /* broadcast */
    { "PRC64", 0x300480, WIDE },   /* frames received, by length: 64 */
    { "PRC127", 0x3004a0, WIDE },  /* to 127 */
    { "PRC255", 0x3004c0, WIDE },  /* to 255 */
    { "PRC511", 0x3004e0, WIDE },  /* to 511 */
    { "PRC1023", 0x300500, WIDE }, /* to 1023 */
    { "PRC1522", 0x300520, WIDE }, /* to 1522 */
    { "PRC9522", 0x300540, WIDE }, /* longer */
    { "PTC64", 0x3006a0, WIDE },   /* frames sent, by length */
    { "PTC127", 0x3006c0, WIDE },
    { "PTC255", 0x3006e0, WIDE },
    { "PTC511", 0x300700, WIDE },
    { "PTC1023", 0x300720, WIDE },
    { "PTC1522", 0x300740, WIDE },
    { "PTC9522", 0x300760, WIDE },
    { "RDPC", 0x300600, MISSED }, /* the packet buffer was full */
    { "CRCERRS", 0x300080, RX_ERRORS },
    { "ILLERRC", 0x3000e0, 0 },     /* illegal symbols */
    { "MLFC", 0x300020, 0 },        /* local faults of the MAC */
    { "MRFC", 0x300040, 0 },        /* remote faults */
    { "RLEC", 0x3000a0, 0 },        /* length field and length disagree */
    { "RUC", 0x300100, RX_ERRORS }, /* undersized, good CRC */
    { "RFC", 0x300560, RX_ERRORS }, /* undersized, bad CRC */
    { "ROC", 0x300120, RX_ERRORS }, /* oversized, good CRC */
    { "RJC", 0x300580, 0 },         /* oversized, bad CRC */
    { "LXONRXC", 0x300140, 0 },     /* pause frames: XON received */
    { "LXOFFRXC", 0x300160, 0 },
    { "LXONTXC", 0x300980, 0 },
    { "LXOFFTXC", 0x3009a0, 0 },
    { "TDOLD", 0x300a20, 0 },               /* to be sent while there was no link */
    { "VSI_RDPC", 0x310000, VSI | MISSED }, /* no descriptor */
    { "VSI_RUPP", 0x36e400, VSI },          /* of an unknown protocol */
    { "VSI_TEPC", 0x344000, VSI | TX_ERRORS },
};

_Static_assert(ARRAY_SIZE(counters) <= I40E_COUNTERS_MAX, "struct i40e holds them");

static uint64_t now(const struct i40e *e, const struct counter *c)
{
    uint32_t reg = c->at + 8 * (c->kind & VSI ? e->counter : e->port_number);
    uint32_t high = c->kind & WIDE ? i40e_read(e, reg + 4) : 0, low = i40e_read(e, reg);
    uint32_t again = c->kind & WIDE ? i40e_read(e, reg + 4) : 0;
    if (again != high) /* the lower half has wrapped before or after it was read */
        low = i40e_read(e, reg);
    return (uint64_t)(again & 0xffff) << 32 | low;
}

/* A step of more than half the range is no wrap but a chip that began anew. */
static void add(uint64_t *last, uint64_t *total, uint64_t value, uint64_t mask)
{
    uint64_t step = (value - *last) & mask;
    *total += step > mask / 2 ? value : step;
    *last = value;
}

void i40e_counters_collect(struct i40e *e)
{
    bool works = e->counting && !e->over && !e->device.gone;
    for (unsigned i = 0; works && i < ARRAY_SIZE(counters); i++)
        add(&e->last[i], &e->total[i], now(e, &counters[i]),
            counters[i].kind & WIDE ? 0xffffffffffffull : UINT32_MAX);
}

/* What was counted before the first start, or until a reset of the chip was over, is none of ours:
 * whether that clears them nobody says. */
void i40e_counters_begin(struct i40e *e)
{
    for (unsigned i = 0; i < ARRAY_SIZE(counters) && !e->counting; i++)
        e->last[i] = now(e, &counters[i]);
    e->counting = true;
}

void i40e_counters_stats(const struct i40e *e, struct port_device_stats *stats)
{
    *stats = (struct port_device_stats){ 0 };
    for (unsigned i = 0; i < ARRAY_SIZE(counters); i++) {
        stats->rx_missed += counters[i].kind & MISSED ? e->total[i] : 0;
        stats->rx_errors += counters[i].kind & RX_ERRORS ? e->total[i] : 0;
        stats->tx_errors += counters[i].kind & TX_ERRORS ? e->total[i] : 0;
    }
}

unsigned i40e_counters_rows(const struct i40e *e, struct port_counter *rows, unsigned n)
{
    unsigned i = 0;
    for (; i < n && i < ARRAY_SIZE(counters); i++)
        rows[i] = (struct port_counter){ .name = counters[i].name, .value = e->total[i] };
    if (i < n)
        rows[i++] = (struct port_counter){ .name = "malicious", .value = e->malicious };
    if (i < n)
        rows[i++] = (struct port_counter){ .name = "resets", .value = e->resets };
    return i;
}
