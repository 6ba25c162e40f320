/* ixgbevf.c under a hostile PF (hostile_pf.h). */
#include "nic/intel/ixgbevf/ixgbevf_regs.h"

#define DEVICE_ID 0x10ed
#define BAR_SIZE IXGBEVF_BAR_SIZE
#define MAILBOX MBX_VFMAILBOX
#define MEMORY(word) (MBX_VFMBMEM + 4 * (word))
#define RX_BLOCK(queue) IXGBEVF_RX_BLOCK(queue)
#define TX_BLOCK(queue) IXGBEVF_TX_BLOCK(queue)
#define QUEUES 4u
#define COUNTERS IXGBEVF_VFGPRC
#define LINK IXGBEVF_VFLINKS
#define TYPES 11u
#define WORDS MBX_RSS_KEY_WORDS

#include "tests/fuzz/hostile_pf.h"
