/* dsdt.asl - what is fixed about the PC: root bridge, interrupt routers, ISA devices, sleep states.
 * [ACPI]; the routers: [PIIX3] "PIRQ[A:D]# route control registers".
 *
 * What depends on the machine is in the SSDT that acpi.c writes: the CPUs, the root bridge's windows
 * (\_SB.PCI0._CRS), and \_SB.DEVS, the bits of isa_devices.h. The C preprocessor reads this first. */
#include "isa_devices.h"

DefinitionBlock ("dsdt.aml", "DSDT", 1, "MYNA", "MYNAPC", 1)
{
    External (\_SB.DEVS, IntObj)

    /* PIIX4 suspend types in PM1 control. [PIIX4] "PMCNTRL" */
    Name (\_S3, Package () { 1, 1, 0, 0 })
    Name (\_S4, Package () { 2, 2, 0, 0 })
    Name (\_S5, Package () { 0, 0, 0, 0 })

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, 0)

            /* INTA# of device n goes to router (n - 1) modulo 4, INTB# to the next, and so on. */
#define ROUTE(device, a, b, c, d)                                 \
    Package () { device, 0, a, 0 }, Package () { device, 1, b, 0 }, \
    Package () { device, 2, c, 0 }, Package () { device, 3, d, 0 }
            Name (_PRT, Package ()
            {
                ROUTE (0x0000FFFF, LNKD, LNKA, LNKB, LNKC),
                ROUTE (0x0001FFFF, LNKS, LNKB, LNKC, LNKD), /* power management: the SCI */
                ROUTE (0x0002FFFF, LNKB, LNKC, LNKD, LNKA),
                ROUTE (0x0003FFFF, LNKC, LNKD, LNKA, LNKB),
                ROUTE (0x0004FFFF, LNKD, LNKA, LNKB, LNKC),
                ROUTE (0x0005FFFF, LNKA, LNKB, LNKC, LNKD),
                ROUTE (0x0006FFFF, LNKB, LNKC, LNKD, LNKA),
                ROUTE (0x0007FFFF, LNKC, LNKD, LNKA, LNKB),
                ROUTE (0x0008FFFF, LNKD, LNKA, LNKB, LNKC),
                ROUTE (0x0009FFFF, LNKA, LNKB, LNKC, LNKD),
                ROUTE (0x000AFFFF, LNKB, LNKC, LNKD, LNKA),
                ROUTE (0x000BFFFF, LNKC, LNKD, LNKA, LNKB),
                ROUTE (0x000CFFFF, LNKD, LNKA, LNKB, LNKC),
                ROUTE (0x000DFFFF, LNKA, LNKB, LNKC, LNKD),
                ROUTE (0x000EFFFF, LNKB, LNKC, LNKD, LNKA),
                ROUTE (0x000FFFFF, LNKC, LNKD, LNKA, LNKB),
                ROUTE (0x0010FFFF, LNKD, LNKA, LNKB, LNKC),
                ROUTE (0x0011FFFF, LNKA, LNKB, LNKC, LNKD),
                ROUTE (0x0012FFFF, LNKB, LNKC, LNKD, LNKA),
                ROUTE (0x0013FFFF, LNKC, LNKD, LNKA, LNKB),
                ROUTE (0x0014FFFF, LNKD, LNKA, LNKB, LNKC),
                ROUTE (0x0015FFFF, LNKA, LNKB, LNKC, LNKD),
                ROUTE (0x0016FFFF, LNKB, LNKC, LNKD, LNKA),
                ROUTE (0x0017FFFF, LNKC, LNKD, LNKA, LNKB),
                ROUTE (0x0018FFFF, LNKD, LNKA, LNKB, LNKC),
                ROUTE (0x0019FFFF, LNKA, LNKB, LNKC, LNKD),
                ROUTE (0x001AFFFF, LNKB, LNKC, LNKD, LNKA),
                ROUTE (0x001BFFFF, LNKC, LNKD, LNKA, LNKB),
                ROUTE (0x001CFFFF, LNKD, LNKA, LNKB, LNKC),
                ROUTE (0x001DFFFF, LNKA, LNKB, LNKC, LNKD),
                ROUTE (0x001EFFFF, LNKB, LNKC, LNKD, LNKA),
                ROUTE (0x001FFFFF, LNKC, LNKD, LNKA, LNKB)
            })

            Device (ISA)
            {
                Name (_ADR, 0x00010000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 4)
                Field (PIRQ, ByteAcc, NoLock, Preserve)
                {
                    RTEA, 8, RTEB, 8, RTEC, 8, RTED, 8
                }

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x70, 0x70, 1, 2)
                        IRQNoFlags () { 8 }
                    })
                }

                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x60, 0x60, 1, 1)
                        IO (Decode16, 0x64, 0x64, 1, 1)
                        IRQNoFlags () { 1 }
                    })
                }

#define PRESENT(bit) Method (_STA) { If (\_SB.DEVS & bit) { Return (0x0F) } Return (0) }

                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    PRESENT (ISA_HAS_MOUSE)
                    Name (_CRS, ResourceTemplate () { IRQNoFlags () { 12 } })
                }

                Device (FDC0)
                {
                    Name (_HID, EisaId ("PNP0700"))
                    PRESENT (ISA_HAS_FDC)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F2, 0x03F2, 0, 4)
                        IO (Decode16, 0x03F7, 0x03F7, 0, 1)
                        IRQNoFlags () { 6 }
                        DMA (Compatibility, NotBusMaster, Transfer8) { 2 }
                    })
                }

                Device (LPT1)
                {
                    Name (_HID, EisaId ("PNP0400"))
                    Name (_UID, 1)
                    PRESENT (ISA_HAS_LPT1)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0378, 0x0378, 8, 8)
                        IRQNoFlags () { 7 }
                    })
                }

                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    PRESENT (ISA_HAS_COM1)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F8, 0x03F8, 0, 8)
                        IRQNoFlags () { 4 }
                    })
                }

                Device (COM2)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 2)
                    PRESENT (ISA_HAS_COM2)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02F8, 0x02F8, 0, 8)
                        IRQNoFlags () { 3 }
                    })
                }
            }
        }

        /* A router register: bit 7 = off, bits 3:0 = the ISA interrupt. */
        Method (RSTA, 1)
        {
            If (Arg0 & 0x80) { Return (0x09) }
            Return (0x0B)
        }

        Method (RCRS, 1, Serialized)
        {
            Name (IRQS, ResourceTemplate ()
            {
                Interrupt (, Level, ActiveHigh, Shared, , , NUM) { 0 }
            })
            CreateDWordField (IRQS, NUM._INT, INUM)
            If (!(Arg0 & 0x80)) { INUM = Arg0 }
            Return (IRQS)
        }

#define ROUTER(number, route)                                                                  \
    Name (_HID, EisaId ("PNP0C0F"))                                                            \
    Name (_UID, number)                                                                        \
    Name (_PRS, ResourceTemplate () { Interrupt (, Level, ActiveHigh, Shared) { 5, 10, 11 } }) \
    Method (_STA) { Return (RSTA (route)) }                                                    \
    Method (_DIS) { route |= 0x80 }                                                            \
    Method (_CRS) { Return (RCRS (route)) }                                                    \
    Method (_SRS, 1) { CreateDWordField (Arg0, 5, SINT) route = SINT }
        Device (LNKA) { ROUTER (0, \_SB.PCI0.ISA.RTEA) }
        Device (LNKB) { ROUTER (1, \_SB.PCI0.ISA.RTEB) }
        Device (LNKC) { ROUTER (2, \_SB.PCI0.ISA.RTEC) }
        Device (LNKD) { ROUTER (3, \_SB.PCI0.ISA.RTED) }

        /* The power management function's interrupt is wired to the SCI. */
        Device (LNKS)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 4)
            Name (_PRS, ResourceTemplate () { Interrupt (, Level, ActiveHigh, Shared) { 9 } })
            Method (_STA) { Return (0x0B) }
            Method (_DIS) { }
            Method (_CRS) { Return (_PRS) }
            Method (_SRS, 1) { }
        }

        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103"))
            Name (_UID, 0)
            PRESENT (ISA_HAS_HPET)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadOnly, 0xFED00000, 0x400)
            })
        }
    }
}
