/* i8259.h - what the board asks of the interrupt controller beyond the device framework. */
#ifndef MYNA_DEVICES_I8259_H
#define MYNA_DEVICES_I8259_H

/* The INTA cycles: the vector to deliver, now in service. A request that came through the slave is
 * acknowledged there too. There is always a vector: with no request left it is that of IR7
 * ([8259A] "Interrupt sequence"). */
int i8259_acknowledge(void *master);

#endif
