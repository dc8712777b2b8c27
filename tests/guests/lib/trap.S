/* trap.S - the 256 handlers, the way to ring 3, setjmp and longjmp. */
#include "selectors.h"

        .text
/* Stub n pushes an error code, if the processor did not, and the vector. */
        .balign 16
        .global trap_stubs
trap_stubs:
vector = 0
        .rept 256
        .balign 16
        .if !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21))
        push $0
        .endif
        push $vector
        jmp trap_entry
vector = vector + 1
        .endr

#ifdef __x86_64__
trap_entry:
        push %rax
        push %rcx
        push %rdx
        push %rbx
        push %rbp
        push %rsi
        push %rdi
        mov %ds, %eax
        push %rax
        mov %es, %eax
        push %rax
        push %fs
        push %gs
        push %r8
        push %r9
        push %r10
        push %r11
        push %r12
        push %r13
        push %r14
        push %r15
        cld
        mov %rsp, %rdi
        mov %rsp, %rbx
        and $-16, %rsp
        call trap_common
        mov %rbx, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        add $16, %rsp           /* FS and GS stay: loading them would change their bases */
        pop %rax
        mov %eax, %es
        pop %rax
        mov %eax, %ds
        pop %rdi
        pop %rsi
        pop %rbp
        pop %rbx
        pop %rdx
        pop %rcx
        pop %rax
        add $16, %rsp
        iretq

        .global user_enter
user_enter:                     /* function, flags */
        push $SEL_USER_DATA + 3
        push $user_stack + STACK_SIZE
        push %rsi
        push $SEL_USER_CODE64 + 3
        push $user_main
        iretq

user_main:
        call *%rdi
        int $TRAP_DONE

        .global jump_here
jump_here:
        mov %rbx, (%rdi)
        mov %rbp, 8(%rdi)
        lea 8(%rsp), %rax
        mov %rax, 16(%rdi)
        mov (%rsp), %rax
        mov %rax, 24(%rdi)
        mov %r12, 32(%rdi)
        mov %r13, 40(%rdi)
        mov %r14, 48(%rdi)
        mov %r15, 56(%rdi)
        xor %eax, %eax
        ret

        .global jump
jump:
        mov $SEL_DATA, %eax
        mov %eax, %ss
        mov %eax, %ds
        mov %eax, %es
        mov (%rdi), %rbx
        mov 8(%rdi), %rbp
        mov 16(%rdi), %rsp
        mov 32(%rdi), %r12
        mov 40(%rdi), %r13
        mov 48(%rdi), %r14
        mov 56(%rdi), %r15
        mov $1, %eax
        jmp *24(%rdi)
#else
trap_entry:
        push %eax
        push %ecx
        push %edx
        push %ebx
        push %ebp
        push %esi
        push %edi
        push %ds
        push %es
        push %fs
        push %gs
        mov $SEL_DATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        cld
        push %esp
        call trap_common
        add $4, %esp
        pop %gs
        pop %fs
        pop %es
        pop %ds
        pop %edi
        pop %esi
        pop %ebp
        pop %ebx
        pop %edx
        pop %ecx
        pop %eax
        add $8, %esp
        iret

        .global user_enter
user_enter:                     /* function, flags */
        mov 4(%esp), %eax
        mov 8(%esp), %edx
        mov $SEL_USER_DATA + 3, %ecx
        mov %ecx, %ds
        mov %ecx, %es
        mov %ecx, %fs
        mov %ecx, %gs
        push $SEL_USER_DATA + 3
        push $user_stack + STACK_SIZE
        push %edx
        push $SEL_USER_CODE32 + 3
        push $user_main
        iret

user_main:
        call *%eax
        int $TRAP_DONE

        .global jump_here
jump_here:
        mov 4(%esp), %ecx
        mov %ebx, (%ecx)
        mov %ebp, 4(%ecx)
        lea 4(%esp), %eax
        mov %eax, 8(%ecx)
        mov (%esp), %eax
        mov %eax, 12(%ecx)
        mov %esi, 16(%ecx)
        mov %edi, 20(%ecx)
        xor %eax, %eax
        ret

        .global jump
jump:
        mov 4(%esp), %ecx
        mov $SEL_DATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        mov (%ecx), %ebx
        mov 4(%ecx), %ebp
        mov %eax, %ss
        mov 8(%ecx), %esp
        mov 16(%ecx), %esi
        mov 20(%ecx), %edi
        mov $1, %eax
        jmp *12(%ecx)
#endif
        .section .note.GNU-stack, "", @progbits
