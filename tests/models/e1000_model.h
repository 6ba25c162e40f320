/* e1000_model.h - the device's side of e1000.c, from the 8254x SDM, and of
 * e1000e.c, from the 82574 DS (e1000e_model.c has what that chip does its own way).
 *
 * Strict: whatever the document forbids is counted, named on stderr and done
 * nothing about.  It works only when asked: frames come in by e1000_model_inject()
 * and go out by e1000_model_take().  Memory is reached through the function's own
 * DMA mappings, and only with bus mastering on. */
#pragma once

#include "nic/intel/e1000/e1000_regs.h"
#include "nic/port.h"
#include "pci/pci.h"
#include "tests/models/pcispace.h"

#include <stdbool.h>
#include <stdint.h>

#define E1000E_MODEL_MSIX_BAR 3u
#define E1000_MODEL_WORDS 64u
#define E1000_MODEL_RELOAD_US 2000u /* of an 8254x, after CTRL.RST */

struct e1000_model;

/* Registers that a model knows, the bits that software may set in them; the others it
 * must leave 0. */
struct e1000_model_reg {
    uint32_t first, last, step;
    uint32_t writable;
    bool readable;
};

/* Those that there are, and as VMware has them. */
enum e1000_model_kind {
    E1000_82540EM,
    E1000_82544GC, /* no EERD */
    E1000_82545EM,
    E1000_82545EM_VMWARE, /* SECRC is not heeded, and a reset leaves RAL0 without an address */
    E1000_82574L,
    E1000_82574L_VMWARE,
    E1000_KINDS
};

/* What another member of the family does its own way. */
struct e1000_model_chip {
    const struct e1000_model_reg *known; /* go before the family's */
    unsigned known_count;
    void (*wire)(struct e1000_model *m);  /* capabilities, and m->port above it */
    void (*reset)(struct e1000_model *m); /* after the family's */
    void (*received)(struct e1000_model *m); /* a frame lies in memory */
    /* Before the family's; true: that is all. */
    bool (*written)(struct e1000_model *m, uint32_t reg, uint32_t value);
    uint32_t (*read)(struct e1000_model *m, uint32_t reg, uint32_t value); /* what is read */
};

#define E1000_MODEL_REGS 0x6000u /* none of those that are known lies beyond */

struct e1000_model {
    const struct e1000_model_chip *chip; /* NULL: an 8254x */
    struct pcispace_device device;
    struct pci_function *function; /* what the scan found */
    uint32_t regs[E1000_MODEL_REGS / 4];
    uint16_t eeprom[E1000_MODEL_WORDS];
    bool cable;
    bool low_half_read[2]; /* GORC, GOTC */
    uint64_t reset_at_us;  /* of the last CTRL.RST */
    uint64_t reload_at_us; /* when the EEPROM will have been read after that; 0: it has */
    unsigned violations;
    unsigned rctl_writes;
    bool masked; /* IMC was written since the last reset */

    /* How slow it is. */
    uint64_t reset_takes_us, eeprom_takes_us;
    uint64_t eeprom_asked_us;

    /* What is wrong with it. */
    bool reset_sticks;       /* CTRL.RST never clears */
    bool reset_does_nothing; /* it clears, and that is all (as in QEMU) */
    bool gone;               /* reads are all ones, writes go nowhere */
    bool eeprom_dead;        /* EERD.DONE never comes */
    bool loads_no_address;   /* RAL0 and RAH0 are not loaded after a reset */
    bool keeps_fcs;          /* whatever SECRC says */

    /* The 82574 only. */
    struct pcispace_device port; /* the root port above it */
    uint64_t auto_read_takes_us; /* EECD.AUTO_RD after a reset */
    uint64_t owner_takes_us;     /* firmware keeps NVM and MDIO for so long after a reset */
    uint64_t master_takes_us;    /* until its requests have ended */
    uint64_t master_asked_us, phy_reset_at_us, phy_done_us;
    unsigned phy_resets;
    uint16_t msix;          /* where the capability is */
    uint32_t causes;        /* those of MSI-X that are pending */
    unsigned interrupts[8]; /* sent, by vector */
    bool master_sticks, owner_sticks, auto_read_never;
    bool owned_over_reset;
    bool phy_is_firmwares; /* MANC.BLK_PHY_RST */
};

/* Wipes the model, gives it this EEPROM address and makes it the only device of a
 * fresh PCI tree, scanned but not probed. */
void e1000_model_init(struct e1000_model *m, const uint8_t mac[MAC_LEN]);
/* The same as an 82574L, behind a root port, with ASPM and MSI-X left on. */
void e1000e_model_init(struct e1000_model *m, const uint8_t mac[MAC_LEN]);
void e1000_model_init_as(struct e1000_model *m, const uint8_t mac[MAC_LEN],
                         enum e1000_model_kind kind);
extern const struct e1000_model_chip e1000e_model_chip;
void e1000_model_violation(struct e1000_model *m, const char *what, uint32_t reg, uint64_t value);
/* What the document forbids and the driver did, DMA at the wrong time included. */
unsigned e1000_model_violations(const struct e1000_model *m);
void e1000_model_set_link(struct e1000_model *m, bool up);
/* As conformance.h says. */
bool e1000_model_inject(struct e1000_model *m, const uint8_t *frame, uint32_t length);
uint32_t e1000_model_take(struct e1000_model *m, uint8_t *frame, uint32_t size);

/* For lies.  Descriptors that the device holds; returns the next one's second word
 * as given, without telling the driver; false: none, or not reachable. */
uint32_t e1000_model_rx_held(struct e1000_model *m);
bool e1000_model_rx_return(struct e1000_model *m, uint64_t result);
/* Adds to a statistics register, which sticks at all ones. */
void e1000_model_count(struct e1000_model *m, uint32_t reg, uint32_t n);
