/* firmware.c - firmware images from the build tree and the distribution, as bytes of the program.
 *
 * The assembler includes the files, so that no tool has to turn them into C. */
#include "bios/firmware.h"

#define IMAGE(symbol, path)                 \
    __asm__(".pushsection .rodata\n"        \
            ".balign 16\n"                  \
            ".global image_" #symbol "\n"   \
            "image_" #symbol ":\n"          \
            ".incbin \"" path "\"\n"        \
            ".global image_end_" #symbol "\n" \
            "image_end_" #symbol ":\n"      \
            ".byte 0\n"                     \
            ".popsection\n");               \
    extern const uint8_t image_##symbol[];  \
    extern const uint8_t image_end_##symbol[]; \
    const Firmware firmware_##symbol = {#symbol, image_##symbol, image_end_##symbol}

IMAGE(seabios, MYNA_SEABIOS);
IMAGE(vgabios_std, MYNA_VGABIOS);
IMAGE(linuxboot, MYNA_LINUXBOOT);
IMAGE(multiboot, MYNA_MULTIBOOT);
IMAGE(dsdt, MYNA_DSDT);

GByteArray *option_rom_seal(const Firmware *image)
{
    GByteArray *rom = g_byte_array_new();
    unsigned size = image->data[2] * 512;
    uint8_t sum = 0;

    g_assert(image->data[0] == 0x55 && image->data[1] == 0xaa && firmware_size(image) < size);
    g_byte_array_append(rom, image->data, firmware_size(image));
    unsigned used = rom->len;
    g_byte_array_set_size(rom, size);
    memset(rom->data + used, 0, size - used);
    for (unsigned i = 0; i < size; i++)
        sum += rom->data[i];
    rom->data[size - 1] = -sum;
    return rom;
}
