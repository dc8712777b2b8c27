/* aml.h - the few words of ACPI machine language that the SSDT needs. [ACPI] "ACPI Machine Language
 * (AML) Specification". */
#ifndef MYNA_BIOS_AML_H
#define MYNA_BIOS_AML_H

#include "core/types.h"

/* Each appends to `out`. Paths are as in ASL: "\\_SB.PCI0", "C000"; bodies are AML, freed here. */
void aml_scope(GByteArray *out, const char *path, GByteArray *body);
void aml_name_integer(GByteArray *out, const char *path, uint32_t value);
void aml_name_buffer(GByteArray *out, const char *path, GByteArray *bytes);
void aml_processor(GByteArray *out, const char *path, uint8_t id);

/* Resource descriptors of a bridge's window. [ACPI] "Resource Data Types for ACPI". */
void aml_window_bus(GByteArray *out, uint16_t first, uint16_t last);
void aml_window_ports(GByteArray *out, uint16_t first, uint16_t last);
void aml_window_memory32(GByteArray *out, uint32_t first, uint32_t last);
void aml_window_memory64(GByteArray *out, uint64_t first, uint64_t last);
void aml_ports(GByteArray *out, uint16_t first, uint8_t count);
void aml_end_tag(GByteArray *out);

#endif
