/* firmware.c - firmware images from the build tree and the distribution, as bytes of the program.
 *
 * The assembler includes the files, so that no tool has to turn them into C. */
#include "bios/firmware.h"
#include "bios/bytes.h"

#define IMAGE(symbol, path)                    \
    __asm__(".pushsection .rodata\n"           \
            ".balign 16\n"                     \
            ".global image_" #symbol "\n"      \
            "image_" #symbol ":\n"             \
            ".incbin \"" path "\"\n"           \
            ".global image_end_" #symbol "\n"  \
            "image_end_" #symbol ":\n"         \
            ".byte 0\n"                        \
            ".popsection\n");                  \
    extern const uint8_t image_##symbol[];     \
    extern const uint8_t image_end_##symbol[]; \
    const Firmware firmware_##symbol = {#symbol, image_##symbol, image_end_##symbol}

IMAGE(seabios, MYNA_SEABIOS);
IMAGE(vgabios_std, MYNA_VGABIOS);
IMAGE(linuxboot, MYNA_LINUXBOOT);
IMAGE(multiboot, MYNA_MULTIBOOT);
IMAGE(dsdt, MYNA_DSDT);

GByteArray *option_rom_seal(const Firmware *image)
{
    enum { BLOCKS = 2, EXPANSION = 0x1a, EXPANSION_LENGTH = 5, EXPANSION_CHECKSUM = 9 };
    unsigned used = firmware_size(image), size = image->data[BLOCKS] * 512;
    GByteArray *rom = g_byte_array_new();

    g_assert(load_le16(image->data) == 0xaa55 && used < size);
    g_byte_array_append(rom, image->data, used);
    g_byte_array_set_size(rom, size);
    memset(rom->data + used, 0, size - used);

    uint8_t *expansion = rom->data + load_le16(rom->data + EXPANSION);
    expansion[EXPANSION_CHECKSUM] = checksum_of(expansion, expansion[EXPANSION_LENGTH] * 16);
    rom->data[size - 1] = checksum_of(rom->data, size);
    return rom;
}
