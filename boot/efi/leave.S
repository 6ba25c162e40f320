/* leave.S - from UEFI's long mode to where a 32-bit loader would leave the machine.
 *
 * leave_uefi is copied to memory below 4 GiB and called with %rdi = struct departure
 * (boot/efi/loader.h), below 4 GiB too.  Nothing of the firmware is needed after it: paging goes
 * off first (Intel SDM vol. 3, 10.8.5.4), so that neither firmware's page tables nor the
 * application itself are in the way of the segments that are copied to their places.
 * Position-independent; never returns. */

#define CR0_PG 0x80000000
#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900

    .section .text, "ax"
    .code64
    .globl leave_uefi, leave_uefi_end
leave_uefi:
    cli
    cld
    lea leave_gdt(%rip), %rax
    mov %rax, leave_gdt_pointer + 2(%rip)
    lgdt leave_gdt_pointer(%rip)
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
    xor %eax, %eax              /* PAE, LA57, PCIDE, CET, ... */
    mov %eax, %cr4

    mov %edi, %ebp
    lea 16(%ebp), %ebx          /* segment[0] */
    mov 12(%ebp), %edx          /* how many */
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

    mov 4(%ebp), %eax           /* magic */
    mov 8(%ebp), %ebx           /* information */
    jmp *(%ebp)                 /* entry */

    .balign 8
leave_gdt:
    .quad 0
    .quad 0x00cf9a000000ffff    /* 8: code, 32-bit, 4 GiB */
    .quad 0x00cf92000000ffff    /* 16: data */
leave_gdt_pointer:
    .short . - leave_gdt - 1
    .quad 0
leave_uefi_end:

/* What we carry: the appliance, as it stands. */
    .section .data, "aw"
    .balign 16
    .globl payload, payload_end
payload:
    .incbin PAYLOAD
payload_end:
    .section .note.GNU-stack, "", @progbits
