/* igbvf.c under a hostile PF (hostile_pf.h). */
#include "nic/intel/igb/igbvf_regs.h"

#define DEVICE_ID 0x10ca
#define BAR_SIZE IGBVF_BAR_SIZE
#define MAILBOX MBX_V2P
#define MEMORY(word) MBX_VF_MEMORY(word)
#define RX_BLOCK(queue) IGBVF_RX_BLOCK(queue)
#define TX_BLOCK(queue) IGBVF_TX_BLOCK(queue)
#define QUEUES 1u
#define COUNTERS 0xf00u
#define LINK INTEL_STATUS
#define TYPES 5u
#define WORDS 3u

#include "tests/fuzz/hostile_pf.h"
