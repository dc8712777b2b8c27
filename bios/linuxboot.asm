; linuxboot.asm - option ROM that starts the Linux kernel of -kernel. [LINUX-BOOT] "The real-mode
; kernel header", "Running the Kernel".
;
; Everything is prepared and placed by the host; we copy it to where it says and enter the kernel's
; real-mode part.

%include "rom.inc"
        ROM_HEADER "Linux loader", 2

boot:
        cli
        cld
        xor     ax, ax
        mov     ss, ax
        mov     esp, 0x7c00
        LOAD_ITEM KERNEL_ADDR, KERNEL_SIZE, KERNEL_DATA
        LOAD_ITEM INITRD_ADDR, INITRD_SIZE, INITRD_DATA
        LOAD_ITEM CMDLINE_ADDR, CMDLINE_SIZE, CMDLINE_DATA
        LOAD_ITEM SETUP_ADDR, SETUP_SIZE, SETUP_DATA

        mov     eax, CMDLINE_ADDR
        call    read_item
        mov     ecx, eax
        mov     eax, SETUP_ADDR
        call    read_item
        sub     ecx, eax
        sub     ecx, 16         ; the stack ends below the command line
        shr     eax, 4
        mov     ss, ax
        mov     esp, ecx
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        add     ax, 0x20        ; the entry is 200h bytes into the setup code
        push    ax
        push    word 0
        xor     eax, eax
        xor     ebx, ebx
        xor     ecx, ecx
        xor     edx, edx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        retf

        ROM_ROUTINES
