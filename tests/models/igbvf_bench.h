/* igbvf_bench.h - igbvf.c over the model of a lone VF (vf_bench.h). */
#pragma once

#include "tests/models/igb_model.h"

static struct igb_model model;
static enum igb_model_chip chip;

#define DRIVER "igbvf"
#define MODEL(function) igb_model_##function
#define MESSAGE IGB_MODEL_MESSAGE
#define MODE_MESSAGE MBX_VF_SET_PROMISC
#define V2P model.mailbox[0]
#define VF_HAS_ASKED (igb_model_reg(&model, 0xc80u) & 1) /* MBVFICR */
#define LINK_MBPS 1000
#define OCTETS_COME(n) igb_model_count(&model, 0x10018u, n) /* PVFGORC of VF 0 */
#define PACKETS_ARE(n) igb_model_set_reg(&model, 0x10010u, n)
#define QUEUES_ARE(n)
#define FRAME_LEAST 26u /* the same once that was refused */
#define ADDRESS_SAID 0u  /* times after a reset that brought one */
#define FRAME_EXTRA 26u /* what SET_LPE says beyond an MTU */

#include "tests/models/vf_bench.h"
