/* ixgbevf_bench.h - ixgbevf.c over the model of a lone VF (vf_bench.h). */
#pragma once

#include "tests/models/ixgbe_model.h"

static struct ixgbe_model model;
static enum ixgbe_model_chip chip;

#define DRIVER "ixgbevf"
#define MODEL(function) ixgbe_model_##function
#define MESSAGE IXGBE_MODEL_MESSAGE
#define MODE_MESSAGE MBX_VF_UPDATE_XCAST
#define V2P model.vf[0].mailbox
#define VF_HAS_ASKED (ixgbe_model_reg(&model, 0x710u) & 1) /* PFMBICR */
#define LINK_MBPS 10000
#define OCTETS_COME(n) (void)(model.vf[0].bytes_in += (n))
#define PACKETS_ARE(n) (void)(model.vf[0].packets_in = (n))
#define QUEUES_ARE(n) queues_are(n)
#define FRAME_LEAST 18u /* the same once that was refused */
#define ADDRESS_SAID 1u  /* times after a reset that brought one */
#define FRAME_EXTRA 26u /* what SET_LPE says beyond an MTU */

/* So many are granted.  Four: 32 pools, as with up to 31 VFs; the model begins with 64 of two. */
static inline void queues_are(uint32_t n)
{
    model.pf.queues = n;
    if (n != 4)
        return;
    ixgbe_model_set_reg(&model, 0x11050, 2);         /* GCR_EXT */
    ixgbe_model_set_reg(&model, 0xec80, 0x0033000a); /* MRQC */
    ixgbe_model_set_reg(&model, 0x8120, 0xa);        /* MTQC */
    for (uint32_t i = 0; i < 32; i++)
        ixgbe_model_set_reg(&model, 0xeb00 + 4 * i, 0x03020100); /* RETA */
}

#include "tests/models/vf_bench.h"
