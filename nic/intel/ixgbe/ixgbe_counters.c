/* ixgbe_counters.c - statistics of the 82599 and X540 that reading clears (intel_device.h).
 *
 * unread: 82599 DS 8.2.3.23; Linux's and DPDK's drivers agree. */
#include "nic/intel/ixgbe/ixgbe.h"

#define ALL 1u /* chips: all have all of these */

/* As with the 1 Gb/s chips each frame that the MAC refused is in exactly one of four: bad CRC, or
 * short or long with a good or, short, a bad one.  What found no room in the packet buffer is in
 * MPC, what found no descriptor in its queue's QPRDC (ixgbe.c) and in no other. */
const struct intel_counter ixgbe_counters[] = {
    { "CRCERRS", 0x4000, ALL, INTEL_RX_ERRORS }, /* 64 bytes or more with a bad CRC */
    { "ILLERRC", 0x4004, ALL, INTEL_SHOWN },     /* illegal symbols */
    { "ERRBC", 0x4008, ALL, INTEL_SHOWN },       /* bytes with errors */
    { "MLFC", 0x4034, ALL, INTEL_SHOWN },        /* local faults of the MAC */
    { "MRFC", 0x4038, ALL, INTEL_SHOWN },        /* remote faults */
    { "RLEC", 0x4040, ALL, INTEL_SHOWN },        /* length field and length disagree */
    { "MPC0", 0x3fa0, ALL, INTEL_RX_MISSED },    /* missed, the packet buffer was full */
    { "LXONTXC", 0x3f60, ALL, INTEL_SHOWN },     /* XON sent */
    { "LXONRXCNT", 0x41a4, ALL, INTEL_SHOWN },   /* XON received */
    { "LXOFFTXC", 0x3f68, ALL, INTEL_SHOWN },    /* XOFF sent */
    { "LXOFFRXCNT", 0x41a8, ALL, INTEL_SHOWN },  /* XOFF received */
    { "PRC64", 0x405c, ALL, INTEL_SHOWN },       /* good packets received, by length: 64 */
    { "PRC127", 0x4060, ALL, INTEL_SHOWN },      /* to 127 */
    { "PRC255", 0x4064, ALL, INTEL_SHOWN },      /* to 255 */
    { "PRC511", 0x4068, ALL, INTEL_SHOWN },      /* to 511 */
    { "PRC1023", 0x406c, ALL, INTEL_SHOWN },     /* to 1023 */
    { "PRC1522", 0x4070, ALL, INTEL_SHOWN },     /* longer */
    { "GPRC", 0x4074, ALL, INTEL_SHOWN },        /* good packets received, missed ones too */
    { "BPRC", 0x4078, ALL, INTEL_SHOWN },        /* of these, broadcast */
    { "MPRC", 0x407c, ALL, INTEL_SHOWN },        /* of these, multicast */
    { "GPTC", 0x4080, ALL, INTEL_SHOWN },        /* good packets transmitted */
    { "RUC", 0x40a4, ALL, INTEL_RX_ERRORS },     /* undersized, good CRC */
    { "RFC", 0x40a8, ALL, INTEL_RX_ERRORS },     /* undersized, bad CRC */
    { "ROC", 0x40ac, ALL, INTEL_RX_ERRORS },     /* oversized, good CRC */
    { "RJC", 0x40b0, ALL, INTEL_SHOWN },         /* oversized, bad CRC */
    { "MNGPRC", 0x40b4, ALL, INTEL_SHOWN },      /* management's: received */
    { "MNGPDC", 0x40b8, ALL, INTEL_SHOWN },      /* dropped */
    { "MNGPTC", 0xcf90, ALL, INTEL_SHOWN },      /* transmitted */
    { "TPR", 0x40d0, ALL, INTEL_SHOWN },         /* packets received, ours or not */
    { "TPT", 0x40d4, ALL, INTEL_SHOWN },         /* packets transmitted */
    { "PTC64", 0x40d8, ALL, INTEL_SHOWN },       /* packets transmitted, by length: 64 */
    { "PTC127", 0x40dc, ALL, INTEL_SHOWN },      /* to 127 */
    { "PTC255", 0x40e0, ALL, INTEL_SHOWN },      /* to 255 */
    { "PTC511", 0x40e4, ALL, INTEL_SHOWN },      /* to 511 */
    { "PTC1023", 0x40e8, ALL, INTEL_SHOWN },     /* to 1023 */
    { "PTC1522", 0x40ec, ALL, INTEL_SHOWN },     /* longer */
    { "MPTC", 0x40f0, ALL, INTEL_SHOWN },        /* transmitted, multicast */
    { "BPTC", 0x40f4, ALL, INTEL_SHOWN },        /* transmitted, broadcast */
    { "XEC", 0x4120, ALL, INTEL_SHOWN },         /* IPv4, TCP and UDP checksums that were wrong */
    { "GORC", 0x4088, ALL, INTEL_WIDE },         /* good octets received, DPDK: FCS if kept */
    { "GOTC", 0x4090, ALL, INTEL_WIDE },         /* good octets transmitted, FCS included */
    { "TOR", 0x40c0, ALL, INTEL_WIDE },          /* octets received */
    { 0 },
};

_Static_assert(ARRAY_SIZE(ixgbe_counters) <= INTEL_COUNTERS_MAX, "struct intel_device holds them");
