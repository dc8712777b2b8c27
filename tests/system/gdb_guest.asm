; gdb_guest.asm - a ROM of 64 KiB that goes from the reset vector through real and protected mode to
; 64-bit mode, for gdb to look at. The second CPU, if there is one, stays in real mode.
;
; RAM:  600 real_word    700 count    708 copy    710 exit    800 second CPU's count
;       1000 PML4   2000 PDPT   8000 second CPU's code
        cpu x64
        org 0xf0000
        [map symbols]
REAL_WORD equ 0x600
COUNT     equ 0x700
COPY      equ 0x708
EXIT      equ 0x710
COUNT2    equ 0x800

        bits 16
real_mode:
        cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7000
        mov ax, 0x1111
real_write:
        mov [REAL_WORD], ax
real_written:
        mov ax, 0x2222
        o32 lgdt [cs:gdt_register - $$]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 0x08:protected_mode

        bits 32
protected_mode:
        mov eax, 0x10
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov esp, 0x7000
        mov ecx, 0x12345678
in_protected_mode:
        ; 4 GiB as they are, in pages of 1 GiB
        mov dword [0x1000], 0x2003
        mov dword [0x2000], 0x00000083
        mov dword [0x2008], 0x40000083
        mov dword [0x2010], 0x80000083
        mov dword [0x2018], 0xc0000083
        mov eax, cr4
        or eax, 1 << 5                  ; PAE
        mov cr4, eax
        mov eax, 0x1000
        mov cr3, eax
        mov ecx, 0xc0000080             ; EFER: LME
        rdmsr
        or eax, 1 << 8
        wrmsr
        mov eax, cr0
        or eax, 1 << 31
        mov cr0, eax
        jmp 0x18:long_mode

        bits 64
long_mode:
        mov rsp, 0x7000
        mov r15, 0x123456789abcdef0
        ; the second CPU: its code to 8000, INIT, SIPI to all but this one
        mov rsi, second_cpu
        mov edi, 0x8000
        mov ecx, second_cpu_end - second_cpu
        rep movsb
        mov eax, 0xfee00000
        mov dword [rax + 0xf0], 0x1ff   ; the APIC is enabled
        mov dword [rax + 0x300], 0xc4500
        mov dword [rax + 0x300], 0xc4608
main_loop:
        inc dword [COUNT]
counted:
        mov eax, [COUNT]
        mov [COPY], eax
copied:
        call work
        cmp dword [EXIT], 0
        je main_loop
        mov al, [EXIT]
        out 0xf4, al
        hlt

work:
        nop
work_middle:
        nop
        ret

        bits 16
second_cpu:
        xor ax, ax
        mov ds, ax
.loop:
        inc dword [COUNT2]
        jmp .loop
second_cpu_end:

        align 8
gdt:
        dq 0
        dq 0x00cf9b000000ffff           ; 32-bit code
        dq 0x00cf93000000ffff           ; data
        dq 0x00af9b000000ffff           ; 64-bit code
gdt_register:
        dw 31
        dd gdt

        times 0xfff0 - ($ - $$) db 0
        jmp 0xf000:real_mode - $$
        times 0x10000 - ($ - $$) db 0
