/* leave.S - from UEFI's long mode to where a 32-bit loader would leave the machine.
 *
 * leave_uefi is copied to memory below 4 GiB and called with %rdi = struct departure
 * (boot/efi/plan/plan.h), below 4 GiB too.  Nothing of the firmware is needed after it: paging goes
 * off first (unread: Intel SDM vol. 3, 10.8.5.4), so that neither firmware's page tables nor the
 * application itself are in the way of the segments that are copied to their places.
 * Position-independent, writes nothing beside itself (firmware may have made it read-only);
 * never returns. */

/* struct departure */
#define ENTRY 0
#define MAGIC 4
#define INFORMATION 8
#define SEGMENTS 12
#define GDT_POINTER 46
#define SEGMENT 56

#define CR0_PG 0x80000000
#define CR4_PCIDE_CET 0x820000
#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900

    .section .text, "ax"
    .code64
    .globl leave_uefi, leave_uefi_end
leave_uefi:
    cli
    cld
    mov %cr4, %rax
    and $~CR4_PCIDE_CET, %rax   /* with PCIDE paging cannot go off (unread: SDM vol. 3, 4.10.1); CET
                                 * would want a shadow of the far return below (vol. 1, shadow stacks) */
    mov %rax, %cr4
    lgdt GDT_POINTER(%rdi)
    lea 1f(%rip), %rax
    push $8
    push %rax
    lretq

    .code32
1:  mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %cr0, %eax
    and $~CR0_PG, %eax
    mov %eax, %cr0
    mov $MSR_EFER, %ecx
    rdmsr
    and $~EFER_LME_NXE, %eax
    wrmsr
    xor %eax, %eax              /* PAE, LA57, CET, ... */
    mov %eax, %cr4

    mov %edi, %ebp
    lea SEGMENT(%ebp), %ebx
    mov SEGMENTS(%ebp), %edx
2:  mov (%ebx), %edi            /* to, from, bytes, zeros behind them */
    mov 4(%ebx), %esi
    mov 8(%ebx), %ecx
    rep movsb
    mov 12(%ebx), %ecx
    xor %eax, %eax
    rep stosb
    add $16, %ebx
    dec %edx
    jnz 2b

    mov MAGIC(%ebp), %eax
    mov INFORMATION(%ebp), %ebx
    jmp *ENTRY(%ebp)
leave_uefi_end:

/* What we carry: the appliance, as it stands. */
    .section .data, "aw"
    .balign 16
    .globl payload, payload_end
payload:
    .incbin PAYLOAD
payload_end:
    .section .note.GNU-stack, "", @progbits
