/* apic.h - the local APIC of the CPU that calls, as far as it is needed to call other CPUs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Higher IDs can only be reached in x2APIC mode: 255 is everybody in the other one. */
#define APIC_ID_XAPIC_MAX 254u

/* Of one priority class, so that none interrupts another's stub: one end of interrupt is right for
 * whichever ended a halt (SDM 253668-032 10.8.3.1; unread there: 10.8.5). */
#define APIC_VECTOR_WAKE 0x20u
#define APIC_VECTOR_TIMER 0x21u
#define APIC_VECTOR_DEVICE 0x22u
#define APIC_VECTOR_SPURIOUS 0x2fu

/* What is sent.  SDM 253668-032 10.6.1: delivery mode, level assert, physical destination. */
#define APIC_SEND_INIT 0x4500u
#define APIC_SEND_START 0x4600u /* | number of the page below 1 MiB that it starts in */
#define APIC_SEND_NMI 0x4400u
#define APIC_SEND_FIXED 0x4000u /* | vector */

/* On CPU 0: in x2APIC mode if it is already or if `x2` asks for it and the CPU has it.  False:
 * there is no local APIC that we can use. */
bool apic_begin(bool x2);
bool apic_is_x2(void);
/* On another CPU: in the mode that CPU 0 chose. */
void apic_join(void);
bool apic_is_ours(void); /* apic_begin() was true, */
void apic_reset(void);   /* tests: and is forgotten */
void apic_enable(void);  /* it takes interrupts from now on */
uint32_t apic_id(void);
void apic_send(uint32_t id, uint32_t what);
void apic_end_interrupt(void);

/* The timer counts down to 0 and interrupts once.  prepare: once on each CPU, masked or not. */
void apic_timer_prepare(bool masked);
void apic_timer_start(uint32_t ticks); /* 0: stops it */
uint32_t apic_timer_left(void);
