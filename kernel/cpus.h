/* cpus.h - the CPUs of this machine, and what is run on those beside the one that booted.
 *
 * Firmware's MADT lists them.  They are told to reset as soon as that has been read and to start
 * a little later, all at once, while the boot goes on; nobody waits for them before cpus_settle().
 * From then on they have numbers: ours is 0, the others follow in the MADT's order.  Each rests,
 * halted, until it is woken.  Interrupts are on in a halt and nowhere else, and only end it.
 *
 * Hosted: one CPU, or threads (tests/host/host.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CPUS_MAX 64u

/* Set-up, in this order, on CPU 0.  most: so many are used (0: all there are). */
void cpus_find(unsigned most);
void cpus_call(void);
/* Waits, with a limit, for those that have not come yet, and says which are left out.  Returns
 * how many run, ours included. */
unsigned cpus_settle(void);

unsigned cpus_count(void); /* 1 before cpus_settle() */
unsigned cpu_number(void); /* of the CPU that asks */

/* Has run(number) called there, once. */
void cpu_run(unsigned number, void (*run)(unsigned number));
/* On CPU 0, once the boot is over: whether CPUs can rest for a limited time.  Asked again and
 * again while not; nothing waits. */
bool cpu_can_rest(void);
/* Halts the CPU that calls until somebody wakes it, a device interrupts it or `us` have passed (0:
 * no limit).  Returns at once when it was woken or interrupted since it returned last, and, with
 * a limit, where CPUs cannot rest so yet.  It may return for nothing: whoever rests looks again. */
void cpu_rest(uint64_t us);
/* What a device on the bus writes, and where, to interrupt that CPU: the only thing that does is to
 * end its halt.  False: nothing would. */
struct cpu_message {
    uint32_t apic_id, vector;
};
bool cpu_message(unsigned number, struct cpu_message *message);
/* A moment of nothing, before the CPU that calls looks again. */
void cpu_pause(void);
/* Ten times a second or so, on each CPU that works.  QEMU's emulator begins with a table of 256
 * translated pages, and makes it larger or smaller only when it is emptied: the buffers of two
 * ports are more, and each frame is translated anew.  Elsewhere nothing happens. */
void cpu_empty_tlb(void);
/* Cheap when it does not rest. */
void cpu_wake(unsigned number);
